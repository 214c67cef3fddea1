from __future__ import annotations

import pytest

from brainseg import palette
from brainseg.networks import NetworkRef
from ui import widgets


@pytest.mark.usefixtures("demo", "networks")
def test_two_networks_are_compared_on_one_slice(alone, assert_frame):
    app = alone("compare")
    assert_frame(app)
    assert app.get("bidi_component")
    assert app.selectbox(key="compare.first").value == "UNet"
    assert app.selectbox(key="compare.second").value == "ResUNet"


@pytest.mark.usefixtures("demo", "networks")
def test_compare_through_the_app(through_app, assert_frame):
    assert_frame(through_app("compare"))


@pytest.mark.usefixtures("demo", "no_networks")
def test_without_a_network_the_next_step_is_to_train_one(alone, assert_frame, text_of):
    app = alone("compare")
    assert_frame(app)
    assert "No trained network yet" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_the_same_network_twice_is_not_compared(alone, text_of):
    app = alone("compare", compare__second="UNet")
    assert not app.exception
    assert "same network twice" in text_of(app)


@pytest.mark.usefixtures("demo", "networks")
def test_the_address_reproduces_the_view(alone):
    app = alone("compare", compare__sample="9", compare__first="ResUNet", compare__second="UNet")
    assert app.selectbox(key="compare.sample").value == 9
    assert app.selectbox(key="compare.first").value == "ResUNet"
    assert app.selectbox(key="compare.second").value == "UNet"


def test_every_network_of_a_view_has_its_own_colour(tmp_path):
    names = ["unet", "resunet", "20260101-000000-unet", "20260102-000000-resunet"]
    refs = [NetworkRef(name=n, label=n, folder=tmp_path, kind="run") for n in names]
    colours = widgets.colours(refs)
    assert colours["unet"] == palette.UNET
    assert colours["resunet"] == palette.RESUNET
    assert len(set(colours.values())) == 4
    assert palette.TRUTH not in colours.values()
