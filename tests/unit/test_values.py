"""Values of users are named and shortened in messages."""

import pytest

from tunelab.values import LISTED, list_names


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("count", [1, LISTED, LISTED + 1, 1000])
def test_a_dozen_names_are_listed_and_the_others_counted(count, quoted):
    listed = list_names((f"n{number}" for number in range(count)), quoted=quoted)
    names, _, more = listed.partition(" and ")
    assert names.split(", ") == [repr(f"n{n}") if quoted else f"n{n}" for n in range(min(count, LISTED))]
    assert more == (f"{count - LISTED} more" if count > LISTED else "")


@pytest.mark.parametrize("quoted", [True, False])
def test_long_names_are_cut_and_fewer_of_them_listed(quoted):
    listed = list_names(["x" * 10_000, "y" * 150, "z" * 150], quoted=quoted)
    assert len(listed) <= 220
    assert listed.endswith("more")
