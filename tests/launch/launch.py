"""Whole pipelines with gst-launch-1.0, compared with independent programs.

launch.py TEST PLUGIN-DIR SYSTEM-PLUGIN-DIR

Prints TAP. VYRE_TEST_LONG=1 takes files of 100 MiB and scans of 4 MiB.
"""
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import zlib

LONG = os.environ.get('VYRE_TEST_LONG', '0') == '1'
SIZE = (100 if LONG else 8) * 1024 * 1024 + 77
LIMIT = 900 if LONG else 120

plugin_dir, system_dir = sys.argv[1:3]
work = tempfile.mkdtemp(prefix='vyre-launch-')
environment = dict(
    os.environ, GST_PLUGIN_PATH_1_0=plugin_dir,
    GST_PLUGIN_SYSTEM_PATH_1_0=system_dir, GST_REGISTRY_1_0=work + '/registry',
    G_DEBUG='fatal-criticals', LC_ALL='C')


def path(name):
    return os.path.join(work, name)


def launch(*pipeline, limit=LIMIT, **more):
    """Exit status and output of gst-launch-1.0."""
    result = subprocess.run(
        ['gst-launch-1.0', '-m', *pipeline], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=limit, text=True,
        env=dict(environment, **more), check=False)
    return result.returncode, result.stdout


def play(*pipeline):
    status, output = launch(*pipeline)
    assert status == 0, output[-2000:]
    return output


def contents(name):
    with open(path(name), 'rb') as f:
        return f.read()


def kept(output, name):
    """Words of a kept buffer from the vyre-kept message."""
    found = re.findall(r'vyre-kept.*?\b%s=\(buffer\)([0-9a-f]+)' % name, output)
    assert found, 'no vyre-kept message with ' + name
    data = bytes.fromhex(found[-1])
    return [int.from_bytes(data[i:i + 4], 'little')
            for i in range(0, len(data), 4)]


source = random.Random(7)
block = source.randbytes(1 << 20)
data = b''.join(i.to_bytes(4, 'little') * 16 + block[64:]
                for i in range(SIZE // len(block) + 1))[:SIZE]
text = b'one line\nand another, Longer one\n' * 40000 + b'no newline'
with open(path('data'), 'wb') as f:
    f.write(data)
with open(path('text'), 'wb') as f:
    f.write(text)
INVERTED = data.translate(bytes(255 - i for i in range(256)))
LOCATION = 'location=' + path('data')
OUT = 'location=' + path('out')


def invert(blocksize):
    def run():
        play('vyresrc', LOCATION, 'blocksize=%d' % blocksize, '!',
             'vyreinterp', 'program=invert', '!', 'filesink', OUT)
        assert contents('out') == INVERTED
    return run


def program_location():
    """A program file, and residency forced: publishing into a kernel that
    stays, on every device."""
    name = os.environ['VYRE_PROGRAMS_PATH'] + '/invert.vyre'
    play('vyresrc', LOCATION, '!', 'vyreinterp', 'program-location=' + name,
         'residency=resident', '!', 'filesink', OUT)
    assert contents('out') == INVERTED


def histogram():
    output = play('vyresrc', LOCATION, '!', 'vyreinterp',
                  'program=histogram256', 'bindings=histogram=keep', '!',
                  'fakesink')
    expected = [0] * 256
    for byte in data:
        expected[byte] += 1
    assert kept(output, 'histogram') == expected


def newlines_of_text():
    output = play('filesrc', 'location=' + path('text'), 'blocksize=9999', '!',
                  'vyreinterp', 'program=newline-count',
                  'bindings=newlines=keep', '!', 'fakesink')
    assert kept(output, 'newlines')[0] == text.count(b'\n')


def crc_of_text():
    output = play('vyresrc', 'location=' + path('text'), '!', 'vyreinterp',
                  'program=crc32', 'bindings=crc=keep', '!', 'fakesink')
    assert zlib.crc32(text) in kept(output, 'crc'), kept(output, 'crc')


# On one line: gst-launch-1.0 takes newlines for separators.
SCAN = '''program workgroup(1);
buffer input: readonly u32[] @0;
buffer result: readwrite u32[1] @1;
main {
  if invocation_id.x == 0 {
    let hash = 2166136261;
    for i in 0..len(input) * 4 {
      hash = (hash ^ input[i >> 2] >> (i & 3) * 8 & 255) * 16777619;
    }
    result[0] = hash;
  }
}
'''.replace('\n', ' ')


def sequential_scan():
    """FNV-1a of a whole buffer in one invocation: far more steps than a
    launch may make on some devices."""
    size = (4096 if LONG else 256) * 1024
    with open(path('scan'), 'wb') as f:
        f.write(data[:size])
    value = 2166136261
    for byte in data[:size]:
        value = (value ^ byte) * 16777619 & 0xffffffff
    output = play('vyresrc', 'location=' + path('scan'),
                  'blocksize=%d' % size, '!', 'vyreinterp', 'program=' + SCAN,
                  'bindings=result=keep', '!', 'fakesink')
    assert kept(output, 'result') == [value]


def three_share():
    output = play('vyresrc', LOCATION, '!', 'vyreinterp', 'program=invert', '!',
                  'vyreinterp', 'program=xor-key', 'bindings=key=hex:5a', '!',
                  'vyreinterp', 'program=invert', '!', 'vyrestats', '!',
                  'filesink', OUT)
    assert contents('out') == data.translate(bytes(i ^ 0x5a for i in range(256)))
    last = [line for line in output.splitlines() if ' vyrestats, ' in line][-1]
    assert re.search(r'tenants\W*\(uint\W*\)3\b', last.replace('\\', '')), last


def through_tee():
    play('vyresrc', LOCATION, '!', 'tee', 'name=t', 't.', '!', 'queue', '!',
         'vyreinterp', 'program=invert', '!', 'filesink', OUT, 't.', '!',
         'queue', '!', 'filesink', 'location=' + path('copy'))
    assert contents('out') == INVERTED and contents('copy') == data


def error(expected, *pipeline):
    def run():
        status, output = launch(*pipeline, limit=60)
        assert status != 0, 'exit status 0'
        assert 'ERROR' in output and expected in output, output
    return run


def corrupt_program():
    with open(path('corrupt.vir0'), 'wb') as f:
        f.write(b'VYRE\4\0\4\0' + bytes(100))
    error('digest', 'vyresrc', LOCATION, '!', 'vyreinterp',
          'program-location=' + path('corrupt.vir0'), '!', 'fakesink')()


def interrupted():
    """In the middle of an endless program: exits at once."""
    endless = SCAN.replace('len(input) * 4', '4294967295')
    process = subprocess.Popen(
        ['gst-launch-1.0', 'vyresrc', LOCATION, '!', 'vyreinterp',
         'max-steps=0', 'program=' + endless, 'bindings=result=keep', '!',
         'fakesink'], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    time.sleep(3)
    assert process.poll() is None, 'ended by itself'
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    process.wait(timeout=20)
    assert time.monotonic() - start < 5


def no_leaks():
    status, output = launch(
        'vyresrc', LOCATION, '!', 'vyreinterp', 'program=invert', '!',
        'vyrestats', '!', 'fakesink', GST_TRACERS='leaks',
        GST_DEBUG='GST_TRACER:7', GST_DEBUG_NO_COLOR='1')
    assert status == 0, output[-2000:]
    leaks = [line for line in output.splitlines()
             if re.search(r'object-alive, type-name=\(string\)\w', line)]
    assert not leaks, '\n'.join(leaks)


def validation_is_silent():
    status, output = launch(
        'vyresrc', LOCATION, '!', 'vyreinterp', 'program=invert', '!',
        'filesink', OUT, VYRE_VULKAN_VALIDATION='1', G_DEBUG='fatal-warnings')
    assert status == 0, output[-2000:]
    assert contents('out') == INVERTED


tests = [('invert in blocks of %d' % b, invert(b))
         for b in (4096, 65536, 1 << 20, 100003)]
tests += [
    ('program file, resident', program_location),
    ('histogram of the whole file', histogram),
    ('newlines behind filesrc', newlines_of_text),
    ('CRC-32 chained over buffers', crc_of_text),
    ('sequential scan in one invocation', sequential_scan),
    ('three elements share a runtime', three_share),
    ('tee', through_tee),
    ('missing file', error('No such file', 'vyresrc', 'location=/nonexistent',
                           '!', 'vyreinterp', 'program=invert', '!',
                           'fakesink')),
    ('corrupt program', corrupt_program),
    ('unbindable buffer', error('key', 'vyresrc', LOCATION, '!', 'vyreinterp',
                                'program=xor-key', '!', 'fakesink')),
    ('no such program', error('no-such', 'vyresrc', LOCATION, '!',
                              'vyreinterp', 'program=no-such', '!',
                              'fakesink')),
    ('no such device', error('99', 'vyresrc', LOCATION, '!', 'vyreinterp',
                             'program=invert', 'device-index=99', '!',
                             'fakesink')),
    ('interrupted', interrupted),
    ('leaks tracer', no_leaks),
    ('validation layer', validation_is_silent),
]

print('1..%d' % len(tests))
failures = 0
for number, (name, test) in enumerate(tests, 1):
    started = time.monotonic()
    try:
        test()
        print('ok %d - %s' % (number, name))
    except (AssertionError, subprocess.TimeoutExpired) as failure:
        failures += 1
        print('not ok %d - %s' % (number, name))
        for line in str(failure).splitlines():
            print('# ' + line[:2000])
    print('# %.1f s' % (time.monotonic() - started), flush=True)
subprocess.run(['rm', '-rf', work], check=True)
sys.exit(1 if failures else 0)
