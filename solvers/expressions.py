"""Formulas in problem files: parsed to a program of known operations, never handed to the interpreter."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, library_of, numpy_library, to_host
from mudot.meshes.errors import MudotError
from mudot.solvers.messages import listed, quoted, suggestion

FUNCTIONS: dict[str, int] = {
    **dict.fromkeys(("exp", "log", "sqrt", "abs", "sin", "cos", "tan", "tanh", "cosh", "sinh", "erf"), 1),
    **dict.fromkeys(("minimum", "maximum"), 2),
    "where": 3,
}
"""The functions a formula may call, and how many arguments each takes."""

CONSTANTS: dict[str, float] = {"pi": float(np.pi)}

LONGEST = 10_000
"""Characters in a formula."""
DEEPEST = 100
"""Nested parentheses, calls, signs and powers; a sum of many terms is one level."""

_ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
_SIGNS: dict[str, Callable[[Array], Array]] = {"+": operator.pos, "-": operator.neg}
_RELATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_WORDS: dict[type[ast.AST], str] = {
    **dict(zip((ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow), _ARITHMETIC, strict=True)),
    **dict(zip((ast.UAdd, ast.USub), _SIGNS, strict=True)),
    **dict(zip((ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq), _RELATIONS, strict=True)),
}
_REMEDIES: dict[type[ast.AST], str] = {
    ast.BitXor: "'^'; a power is written '**'",
    ast.FloorDiv: "'//'; the operators are + - * / **",
    ast.Mod: "'%'; the operators are + - * / **",
    ast.MatMult: "'@'; the operators are + - * / **",
    ast.Invert: "'~'; the operators are + - * / **",
    ast.Not: "'not'; use where(condition, 0, 1)",
    ast.And: "'and'; multiply the comparisons: (0 < x)*(x < 1)",
    ast.Or: "'or'; take the maximum of the comparisons",
    ast.IfExp: "'if'; use where(condition, a, b)",
}


@dataclass(frozen=True)
class Operation:
    """One step of a program: takes `arity` values off the stack and puts its result back.

    word: a function, an operator, or the relations of a chained comparison with spaces between ("< <=")
    """

    word: str
    arity: int


Step = float | str | Operation
"""A number, the name of a variable, or an operation on the values before it (reverse Polish notation)."""


@dataclass(frozen=True)
class Expression:
    """A formula in the coordinates of a mesh, evaluated in double precision where the arrays it gets live.

    text:      the formula, white space made single
    variables: names of the coordinates, in the order of the call
    program:   the same in reverse Polish notation, constants folded

    A comparison is 1 where it holds, else 0; `where` takes its second argument where the first is not 0.
    Values may be infinite (log(0) is -inf), and anything in a branch that `where` does not take.

    >>> parse("where(0 < x <= 1, exp(-x), 0)", ("x",))(np.array([-1.0, 0.0, 1.0]))
    array([0. , 0. , 0.36787944])
    """

    text: str
    variables: tuple[str, ...]
    program: tuple[Step, ...] = field(repr=False)

    def __call__(self, *coordinates: Array) -> Array:
        """Values at the points with the given coordinates: one array per variable, broadcast together.

        Raises MudotError where a value is not a number, as in sqrt(-1) or 0/0.
        """
        library = library_of(coordinates[0])
        places = dict(zip(self.variables, coordinates, strict=True))
        with np.errstate(all="ignore"):
            result = self._run(library, places)
        shape = np.broadcast_shapes(*(tuple(c.shape) for c in coordinates))
        values = library.xp.broadcast_to(_lifted(library, result, coordinates[0]), shape)
        wrong = library.xp.isnan(values)
        if bool(library.xp.any(wrong)):
            place = first_place(wrong, self.variables, coordinates)
            raise MudotError(f"expression {quoted(self.text)}: not a number at {place}")
        return values

    def _run(self, library: ArrayLibrary, places: dict[str, Array]) -> Array:
        stack: list[Array] = []
        for step in self.program:
            if isinstance(step, Operation):
                stack[-step.arity :] = [_apply(library, step, stack[-step.arity :])]
            else:
                stack.append(places[step] if isinstance(step, str) else step)
        return stack[0]


def parse(text: str, variables: tuple[str, ...]) -> Expression:
    """The formula `text` in the given variables.

    Known are the variables, numbers, pi, + - * / **, parentheses, comparisons (chained too) and `FUNCTIONS`.
    Anything else raises MudotError, which names the formula and the offending word.

    >>> parse("x**2 + y", ("x", "y"))(np.array([1.0, 2.0]), np.array([0.5]))
    array([1.5, 4.5])
    >>> parse("expp(x)", ("x",))
    Traceback (most recent call last):
    mudot.meshes.errors.MudotError: expression 'expp(x)': unknown function 'expp'; ... did you mean 'exp'?
    """
    line = " ".join(text.split())
    try:
        return Expression(line, variables, _Compiler(line, variables).program())
    except MudotError as error:
        raise MudotError(f"expression {quoted(line)}: {error}") from None


@dataclass(frozen=True)
class _Compiler:
    """Turns the syntax tree of one formula into a program."""

    line: str
    variables: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)

    def program(self) -> tuple[Step, ...]:
        self._add(_tree(self.line), 0)
        return tuple(self.steps)

    def _add(self, node: ast.expr, depth: int) -> None:
        """Append the steps that leave the value of `node` on the stack."""
        if depth > DEEPEST:
            raise MudotError(f"nested more than {DEEPEST} levels deep")
        # A sum of a thousand terms is a left-leaning tree a thousand deep: walk its spine, do not descend.
        spine: list[ast.BinOp] = []
        while isinstance(node, ast.BinOp):
            spine.append(node)
            node = node.left
        self._add_leaf(node, depth)
        for parent in reversed(spine):
            word = self._word(parent.op)
            self._add(parent.right, depth + 1)
            self._emit(Operation(word, 2))

    def _add_leaf(self, node: ast.expr, depth: int) -> None:
        match node:
            case ast.Constant(value=bool() as truth):
                raise MudotError(f"'{truth}' is not a number; use a comparison")
            case ast.Constant(value=int() | float() as value):
                self.steps.append(_number(value))
            case ast.Name(id=name):
                self.steps.append(self._named(name))
            case ast.UnaryOp(op=sign, operand=operand):
                word = self._word(sign)
                self._add(operand, depth + 1)
                self._emit(Operation(word, 1))
            case ast.Compare(left=left, ops=relations, comparators=others):
                word = " ".join(self._word(relation) for relation in relations)
                for operand in (left, *others):
                    self._add(operand, depth + 1)
                self._emit(Operation(word, len(others) + 1))
            case ast.Call():
                self._add_call(node, depth)
            case _:
                raise MudotError(self._unexpected(node))

    def _add_call(self, node: ast.Call, depth: int) -> None:
        if isinstance(node.func, ast.Attribute):
            raise MudotError(self._unexpected(node.func))
        name = node.func.id if isinstance(node.func, ast.Name) else ast.get_source_segment(self.line, node.func) or ""
        if not isinstance(node.func, ast.Name) or name in self.variables or name in CONSTANTS:
            raise MudotError(f"{quoted(name, 40)} is not a function; a product is written with '*'")
        if name not in FUNCTIONS:
            raise MudotError(
                f"unknown function '{name}'; expected one of {listed(FUNCTIONS)}{suggestion(name, FUNCTIONS)}"
            )
        if node.keywords or len(node.args) != FUNCTIONS[name]:
            raise MudotError(f"'{name}' takes {FUNCTIONS[name]} argument(s), without names")
        for argument in node.args:
            self._add(argument, depth + 1)
        self._emit(Operation(name, FUNCTIONS[name]))

    def _emit(self, operation: Operation) -> None:
        """Append an operation, or its value where all its operands are numbers."""
        operands = self.steps[-operation.arity :]
        numbers = [np.float64(step) for step in operands if isinstance(step, float)]
        if len(numbers) < operation.arity:
            self.steps.append(operation)
            return
        with np.errstate(all="ignore"):
            value = float(_apply(numpy_library(), operation, numbers))
        self.steps[-operation.arity :] = [value]

    def _word(self, node: ast.AST) -> str:
        if type(node) not in _WORDS:
            raise MudotError(self._unexpected(node))
        return _WORDS[type(node)]

    def _named(self, name: str) -> Step:
        if name in self.variables:
            return name
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FUNCTIONS:
            raise MudotError(f"'{name}' is a function; its argument stands in parentheses")
        valid = [*self.variables, *CONSTANTS]
        near = suggestion(name, [*valid, *FUNCTIONS])
        raise MudotError(f"unknown name '{name}'; expected one of {listed(valid)} or a function{near}")

    def _unexpected(self, node: ast.AST) -> str:
        inner = getattr(node, "op", node)
        if type(inner) in _REMEDIES:
            return f"unexpected {_REMEDIES[type(inner)]}"
        if isinstance(node, ast.Attribute):
            return f"unexpected '.{node.attr}'; a formula has no attributes"
        if isinstance(node, ast.cmpop):
            return f"unexpected '{type(node).__name__.lower()}'; compare with {' '.join(_RELATIONS)}"
        source = ast.get_source_segment(self.line, node) or type(node).__name__
        return f"unexpected {quoted(source, 40)}; expected numbers, variables, operators and functions"


def _tree(line: str) -> ast.expr:
    if not line:
        raise MudotError("empty; expected a formula such as '-x**2/2'")
    if len(line) > LONGEST:
        raise MudotError(f"{len(line)} characters long; expected at most {LONGEST}")
    for character in line:
        if not (character.isascii() and character.isprintable()) or character in "#\\`":
            raise MudotError(f"unexpected character {character!a} ({character!r}); expected plain ASCII")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(line, mode="eval").body
    except SyntaxError as error:
        near = line[max((error.offset or 1) - 1, 0) :] or "its end"
        raise MudotError(f"{error.msg.partition(':')[0]} at {quoted(near, 20)}") from None
    except (RecursionError, MemoryError):
        raise MudotError(f"nested too deeply; expected at most {DEEPEST} levels") from None


def _number(value: int | float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if not np.isfinite(number):
        raise MudotError("a number is too large for double precision (above 1.8e308)")
    return number


def _apply(library: ArrayLibrary, operation: Operation, values: Sequence[Array]) -> Array:
    """The value of one operation; `values` are arrays and floats, at least one of them an array."""
    xp, word = library.xp, operation.word
    if word in FUNCTIONS:
        return _call(library, word, values)
    if word in _ARITHMETIC:
        return _SIGNS[word](values[0]) if operation.arity == 1 else _ARITHMETIC[word](values[0], values[1])
    result: Array = 1.0
    for relation, left, right in zip(word.split(), values[:-1], values[1:], strict=True):
        holds = _RELATIONS[relation](left, right)
        number = float(holds) if isinstance(holds, bool) else xp.asarray(holds, dtype=xp.float64)
        result = result * number
    return result


def _lifted(library: ArrayLibrary, value: Array, like: Array) -> Array:
    """A number as an array beside `like`; arrays pass."""
    return library.xp.full_like(like, value, dtype=library.xp.float64) if isinstance(value, float) else value


def _call(library: ArrayLibrary, name: str, values: Sequence[Array]) -> Array:
    like = next(value for value in values if hasattr(value, "dtype"))
    operands = [_lifted(library, value, like) for value in values]
    if name == "where":
        return library.xp.where(operands[0] != 0, operands[1], operands[2])
    return getattr(library.special if name == "erf" else library.xp, name)(*operands)


def first_place(marked: Array, names: Sequence[str], coordinates: Sequence[Array]) -> str:
    """The first marked point of a grid in words.

    marked:      truth values, at least one of them true
    coordinates: arrays that broadcast to the shape of `marked`, one for each of the first `names`

    >>> first_place(np.array([False, True]), ("x", "y"), [np.array([0.0, 0.5])])
    'x = 0.5'
    """
    index = np.unravel_index(int(np.argmax(to_host(marked))), tuple(marked.shape))
    points = (np.broadcast_to(to_host(c), tuple(marked.shape))[index] for c in coordinates)
    return ", ".join(f"{name} = {point:.6g}" for name, point in zip(names, points, strict=False))
