"""Formulas: what they compute, and that nothing but a formula gets through."""

from __future__ import annotations

import ast
import math
import pickle
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from mudot.meshes.errors import MudotError
from mudot.solvers.expressions import DEEPEST, FUNCTIONS, LONGEST, first_place, parse

X = np.linspace(-1.0, 1.0, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-(x**2 - 1)**2 + 0.3*x", -((X**2 - 1) ** 2) + 0.3 * X),
        ("-x**2", -(X**2)),
        ("2**-x", 2.0**-X),
        ("2**3**x", 2.0 ** (3.0**X)),
        ("(x - 1)/(x + 3)", (X - 1) / (X + 3)),
        ("1 - 2 - 3 + 0*x", np.full(7, -4.0)),
        ("7/2", np.full(7, 3.5)),
        ("+pi", np.full(7, math.pi)),
        ("1_000 + 1e-3 + .5", np.full(7, 1000.501)),
        ("minimum(x, 0.25) + maximum(0, x)", np.minimum(X, 0.25) + np.maximum(0, X)),
        ("where(x > 0, 1, 2)", np.where(X > 0, 1.0, 2.0)),
        ("-0.5 < x <= 0.5", ((X > -0.5) & (X <= 0.5)).astype(float)),
        ("0 < 1 < x + 1", (X > 0).astype(float)),
        ("2*(x >= 0) + (x == 1) + (x != 1)", 2.0 * (X >= 0) + 1.0),
        ("1 > 2", np.zeros(7)),
        ("where((x > -0.9)*(x < 0.9), x, 0)", np.where(abs(X) < 0.9, X, 0.0)),
        ("x**2\n  +\t1", X**2 + 1),
    ],
)
def test_value_is_that_of_the_formula(text: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(parse(text, ("x",))(X), expected, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("name", [name for name, arguments in FUNCTIONS.items() if arguments == 1])
def test_functions_of_one_argument_are_those_of_the_array_library(name: str) -> None:
    x = np.linspace(0.1, 2.0, 5)
    expected = erf(x) if name == "erf" else getattr(np, name)(x)
    np.testing.assert_array_equal(parse(f"{name}(x)", ("x",))(x), expected)


@pytest.mark.parametrize("text", ["3", "x", "y", "x + y", "x*y > 0"])
def test_values_fill_the_whole_grid(text: str) -> None:
    x, y = np.ix_(np.linspace(0, 1, 3), np.linspace(0, 1, 4))
    values = parse(text, ("x", "y"))(x, y)
    assert values.shape == (3, 4)
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log(0)", -np.inf),
        ("where(x > 2, -x, log(0))", -np.inf),
        ("log(x - x)", -np.inf),
        ("9**9**9", np.inf),
        ("exp(1000*x*x + 1000)", np.inf),
        ("-1/abs(0*x)", -np.inf),
        ("where(x > 5, sqrt(-1), 0)", 0.0),
        ("where(x > 5, log(-1 - x*x), 0)", 0.0),
        ("exp(-1e5)", 0.0),
    ],
)
def test_infinities_and_branches_not_taken_are_legal_under_strict_floating_point(text: str, expected: float) -> None:
    np.testing.assert_array_equal(parse(text, ("x",))(X), np.full(7, expected))


@pytest.mark.parametrize("text", ["log(x)", "sqrt(x)", "0*log(0)", "1/0 - 1/0", "(-1)**0.5", "where(x < 0, log(x), 1)"])
def test_a_value_that_is_not_a_number_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(MudotError, match=r"not a number at x = -1") as caught:
        parse(text, ("x",))(X)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("y", "'y'"),
        ("X", "did you mean 'x'"),
        ("ex(x)", "did you mean 'exp'"),
        ("sqr(x)", "did you mean 'sqrt'"),
        ("minimun(x, 1)", "did you mean 'minimum'"),
        ("Pi", "did you mean 'pi'"),
        ("exp", "'exp' is a function"),
        ("x(2)", "'x' is not a function"),
        ("2(x)", "'2' is not a function"),
        ("pi(x)", "'pi' is not a function"),
        ("exp()", "'exp' takes 1"),
        ("where(x, 1)", "'where' takes 3"),
        ("exp(x=1)", "'exp' takes 1"),
        ("minimum(*x)", "'minimum' takes 2"),
        ("exp(*x)", r"'\*x'"),
        ("x^2", r"'\*\*'"),
        ("x // 2", "'//'"),
        ("x % 2", "'%'"),
        ("x @ x", "'@'"),
        ("~x", "'~'"),
        ("x << 1", "x << 1"),
        ("x and 1", "'and'"),
        ("x > 0 or x < 1", "'or'"),
        ("not x", "'not'"),
        ("x in x", "'in'"),
        ("x is x", "'is'"),
        ("1 if x else 2", "'if'"),
        ("'x'", "'x'"),
        ("b'x'", "b'x'"),
        ("f'{x}'", "f'{x}'"),
        ("1j*x", "'1j'"),
        ("True", "'True'"),
        ("None", "'None'"),
        ("...", r"\.\.\."),
        ("(x, x)", r"\(x, x\)"),
        ("[x]", r"\[x\]"),
        ("{x}", r"\{x\}"),
        ("x[0]", r"x\[0\]"),
        ("(y := x)", "y := x"),
        ("lambda: x", "lambda: x"),
        ("[x for x in x]", r"\[x for x in x\]"),
        ("await x", "await x"),
        ("yield x", "yield x"),
        ("import os", "import os"),
        ("x = 1", "= 1"),
        ("x; x", "; x"),
        ("(x", "never closed"),
        ("x)", r"unmatched '\)'"),
        ("x +", "invalid syntax"),
        ("x # sum", "'#'"),
        ("x\0", r"\\x00"),
        ("x²", r"\\xb2"),
        ("−x", r"\\u2212"),
        ("ｅxp(x)", r"\\uff45"),
        ("1e999", "too large"),
        ("9" * 400, "too large"),
        ("9" * 5000, "Exceeds the limit"),
    ],
)
def test_anything_but_a_formula_is_refused_with_the_offending_word(text: str, word: str) -> None:
    with pytest.raises(MudotError, match=word) as caught:
        parse(text, ("x",))
    message = str(caught.value)
    assert message.startswith("expression ")
    assert message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "(1).__class__.__bases__",
        "exp.__globals__",
        "open('/etc/passwd')",
        "eval('1')",
        "().__class__",
        "exp(x.__array_interface__)",
        "getattr(x, 'data')",
        "print(x)",
        "__builtins__",
    ],
)
def test_a_formula_cannot_reach_the_interpreter(text: str) -> None:
    with pytest.raises(MudotError, match="expression"):
        parse(text, ("x",))


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9**9 + 0*x",
        "x**9**9**9",
        "x" + " + x" * 2000,
        "x" + " < x" * 2000,
        "(" * 150 + "x" + ")" * 150,
    ],
)
def test_long_and_steep_formulas_are_quick(text: str) -> None:
    begin = time.perf_counter()
    try:
        parse(text, ("x",))(X)
    except MudotError:
        pytest.fail("a legal formula was refused")
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("-" * (DEEPEST + 1) + "x", "levels"),
        ("x" + "**x" * (DEEPEST + 1), "levels"),
        ("exp(" * 190 + "x" + ")" * 190, "levels"),
        ("-" * 9000 + "x", "nested too deeply"),
        ("(" * 1000 + "x" + ")" * 1000, "nested"),
        ("x+" * LONGEST, "characters"),
    ],
)
def test_formulas_beyond_the_limits_are_refused(text: str, word: str) -> None:
    with pytest.raises(MudotError, match=word):
        parse(text, ("x",))


def test_middle_terms_of_a_chain_are_evaluated_once() -> None:
    text = "x"
    for _ in range(60):
        text = f"0 < ({text}) < 2"
    assert len(parse(text, ("x",)).program) < 1000


def test_constants_are_folded_when_parsed() -> None:
    assert parse("exp(0) + 2*3 - (1 < 2)", ("x",)).program == (6.0,)


def test_expressions_are_values() -> None:
    one = parse("where(x > 0, -x, log(0))", ("x",))
    assert one == parse(" where(x > 0, -x,\n log(0)) ", ("x",))
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.text = "x"  # type: ignore[misc]


def test_variables_are_matched_by_position() -> None:
    values = parse("x - 2*y + 4*z", ("x", "y", "z"))(np.array([1.0]), np.array([10.0]), np.array([100.0]))
    assert values.tolist() == [381.0]


def test_first_place_names_the_first_marked_point() -> None:
    marked = np.array([[False, False], [False, True]])
    assert first_place(marked, ("x", "y", "z"), np.ix_([0.0, 0.25], [1.0, 2.0])) == "x = 0.25, y = 2"


_LEAVES = st.sampled_from(["x", "pi", "2", "0.5", "1e-3"])
_FORMULAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("(-{})".format, inner),
        st.builds("{}({})".format, st.sampled_from(["sin", "cos", "tanh", "erf", "abs"]), inner),
        st.builds("where({} < {}, {}, {})".format, inner, inner, inner, inner),
    ),
    max_leaves=12,
)


@given(_FORMULAS)
def test_random_formulas_agree_with_the_interpreter(text: str) -> None:
    names = {name: getattr(np, name) for name in ("sin", "cos", "tanh", "abs", "where", "pi")}
    code = compile(ast.parse(text, mode="eval"), "formula", "eval")
    expected = np.broadcast_to(eval(code, {"__builtins__": {}}, {**names, "erf": erf, "x": X}), X.shape)
    np.testing.assert_allclose(parse(text, ("x",))(X), expected, rtol=1e-13, atol=1e-13)


@given(st.text(alphabet="xpi0123456789.+-*/()<>=! ,expwhrlog\"'[]{}_:;#@\\\n", max_size=40))
def test_random_text_gives_a_value_or_one_line(text: str) -> None:
    try:
        values = parse(text, ("x",))(X)
    except MudotError as error:
        assert str(error).isprintable()
    else:
        assert values.shape == X.shape
