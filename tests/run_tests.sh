#!/usr/bin/env bash
# Runs the tests of a build directory and counts them: run_tests.sh BUILD_DIR [CTEST_OPTION...]
# The last line is "N passed, N failed": test functions of cmocka programs and cases of shell tests. A program that
# dies, or prints no case, counts as one.
set -uo pipefail
build=${1:?usage: run_tests.sh BUILD_DIR [CTEST_OPTION...]}
shift
log=$build/Testing/Temporary/LastTest.log
rm -f "$log"

ctest --test-dir "$build" --output-on-failure -j "$(nproc)" "$@" 2>&1
status=$?
if [[ ! -f $log ]]; then
    printf '0 passed, 1 failed\n'
    exit 1
fi

# cmocka lists its failures once more after "[==========] N test(s) run": only lines before that count. Shell tests
# print "ok NAME" and "not ok NAME".
awk '
    / Testing: / { passed = failed = 0; counting = 1 }
    /^\[==========\] .*run\.$/ { counting = 0 }
    /^\[==========\] Running/ { counting = 1 }
    counting && (/^\[       OK \]/ || /^ok /) { passed++ }
    counting && (/^\[  (FAILED|ERROR)  \]/ || /^not ok /) { failed++ }
    /^Test (Passed|Failed)\.$/ {
        if ($2 == "Passed." && passed + failed == 0) passed = 1
        if ($2 == "Failed." && failed == 0) failed = 1
        total_passed += passed; total_failed += failed
    }
    END {
        printf "%d passed, %d failed\n", total_passed, total_failed
        exit total_failed > 0
    }' "$log"
counted=$?
((status == 0 && counted == 0))
