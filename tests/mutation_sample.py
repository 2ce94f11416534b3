"""Keep a random sample of the mutations in a session of cosmic-ray, and drop all others.

python -m tests.mutation_sample SESSION COUNT FOLDER
"""

import re
import sys

from cosmic_ray.work_db import use_db

# Most of the others put an operator in the place of one that nobody confuses with it.
PLAUSIBLE = re.compile(
    r"core/(AddNot|Replace(And|Or|True|False)With\w+|ReplaceUnaryOperator_Delete_\w+"
    r"|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul)|ZeroIterationForLoop)"
)


def keep_sample(session: str, count: int, folder: str) -> None:
    with use_db(session) as database:
        kept = []
        for item in database.pending_work_items:  # which are in random order
            [mutation] = item.mutations
            is_inside = mutation.module_path.is_relative_to(folder)
            if is_inside and PLAUSIBLE.fullmatch(mutation.operator_name):
                kept.append(item)
        database.clear()
        database.add_work_items(kept[:count])


if __name__ == "__main__":
    session, count, folder = sys.argv[1:]
    keep_sample(session, int(count), folder)
