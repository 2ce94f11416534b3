"""Run the `digits` commands that come as lines on stdin, and answer each with a line on stdout."""

import io
import json
import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout

from digits.__main__ import main

for line in sys.stdin:
    folder, arguments = json.loads(line)
    os.chdir(folder)
    sys.argv = ["digits", *arguments]
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
        except BaseException:
            traceback.print_exc()
            code = 1
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
