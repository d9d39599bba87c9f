"""Counts meson test results: count.py FAILED-BUILDS TESTLOG.json ...

Prints failed tests and, as the last line, 'N passed, N failed, N skipped'.
"""
import json
import sys

passed = skipped = 0
failed = int(sys.argv[1])
for log in sys.argv[2:]:
    for line in open(log, encoding='utf-8'):
        test = json.loads(line)
        if test['result'] in ('OK', 'EXPECTEDFAIL'):
            passed += 1
        elif test['result'] == 'SKIP':
            skipped += 1
        else:
            failed += 1
            print(f"{test['result']}: {test['name']} ({log})")
print(f'{passed} passed, {failed} failed, {skipped} skipped')
sys.exit(1 if failed or not passed else 0)
