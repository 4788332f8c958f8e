#!/usr/bin/env python3
"""Joins requirement lists, tests and results of runs, and writes docs/conformance/README.md.

Usage: scripts/conformance.py RESULT...

A result is the console output of one or more runs of `swift test` (later runs count), or what `--xunit-output` wrote
(NAME-swift-testing.xml), which knows tests that bear one name from one another and is believed first.

Requirements: docs/conformance/requirements/*.txt, lines `id | M or S | role | text`, with a fifth field that says why
one is open. Tests: every @Test and @Suite under Tests that carries .spec("..."). Only the id of a requirement
(`RFC 6665 §4.2.2/3`, `REQ-24141-20`) proves it; a section (`RFC 6665 §4.2.2`) is shown, and counted apart.

Ends with 1 where a test failed, or a SHALL has neither a proof nor a reason; with 2 where the lists or the citations
are wrong.
"""
import collections
import glob
import os
import re
import sys
import xml.etree.ElementTree

QUOTED = r'"((?:[^"\\]|\\.)*)"'
PAGE = "docs/conformance/README.md"
MORE = 6


def balanced(text, start):
    """The text between the parenthesis at `start` and the one that closes it."""
    depth, index, quoted = 0, start, False
    while index < len(text):
        char = text[index]
        if quoted:
            if char == "\\":
                index += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return text[start + 1 : index], index + 1
        index += 1
    return text[start + 1 :], len(text)


def plain(name):
    """A display name as it is compared: the console and the source do not escape alike."""
    return name.replace("\\", "")


def cited(arguments):
    found = []
    for match in re.finditer(r"\.spec\(", arguments):
        inside, _ = balanced(arguments, match.end() - 1)
        found += re.findall(QUOTED, inside)
    return found


# `key` is module, type and function, as xUnit names them.
Test = collections.namedtuple("Test", "path name key citations")
TYPE = re.compile(r"^([ \t]*)(?:@?\w+ )*(?:struct|class|actor|enum|extension)\s+(\w+)", re.MULTILINE)


def tests():
    """Every test of the sources, with what it cites."""
    for path in sorted(glob.glob("Tests/**/*.swift", recursive=True)):
        with open(path, encoding="utf-8") as source:
            text = source.read()
        suite = []
        types = [(match.start(), len(match.group(1)), match.group(2)) for match in TYPE.finditer(text)]
        for match in re.finditer(r"^([ \t]*)@(Test|Suite)\b", text, re.MULTILINE):
            arguments, end = "", match.end()
            if text[end : end + 1] == "(":
                arguments, end = balanced(text, end)
            citations = cited(arguments)
            if match.group(2) == "Suite":
                suite = citations
                continue
            name = re.match(r"\s*" + QUOTED, arguments)
            function = re.search(r"func\s+(\w+)", text[end:])
            function = function.group(1) if function else "?"
            title = plain(name.group(1)) if name else function + "()"
            depth = len(match.group(1))
            around = [name for start, indent, name in types if start < match.start() and indent < depth]
            key = (path.split("/")[1], around[-1] if around else "", function)
            yield Test(path, title, key, list(dict.fromkeys(citations + suite)))


LINE = re.compile(
    r'^\W*Test (?:"(?P<title>.*)"|(?P<function>\w+)\([^)]*\))(?: with \d+ test cases?)?'
    r"(?: in [\w ]+)? (?P<verdict>started|passed|failed|skipped)\b"
)


class Results:
    """What the runs say of each test."""

    def __init__(self, paths):
        self.latest = {}
        self.units = {}
        for path in paths:
            if path.endswith(".xml"):
                self.read_units(path)
            else:
                self.read_console(path)

    @property
    def count(self):
        return max(len(self.units), sum(counts["passed"] + counts["failed"] for counts in self.latest.values()))

    def read_units(self, path):
        run = {}
        for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
            place = re.split(r"[./]", case.get("classname", ""))
            key = (place[0], place[-1] if len(place) > 1 else "", case.get("name", "").split("(")[0])
            worse = case.find("failure") is not None or case.find("error") is not None
            verdict = "failed" if worse else "not run" if case.find("skipped") is not None else "passed"
            if run.get(key) != "failed":
                run[key] = verdict
        self.units.update(run)

    def read_console(self, path):
        run = collections.defaultdict(collections.Counter)
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                if "Test run started" in line:
                    self.close(run)
                    run = collections.defaultdict(collections.Counter)
                if re.match(r"^\W*Test run with \d+ tests?\b.* passed\b", line):
                    # A busy console loses lines now and then; in a run that passed, what began has passed.
                    for counts in run.values():
                        ended = counts["passed"] + counts["failed"] + counts["skipped"]
                        counts["passed"] += max(0, counts["started"] - ended)
                match = LINE.match(line)
                if match:
                    name = match.group("title")
                    name = plain(name) if name is not None else match.group("function") + "()"
                    run[name][match.group("verdict")] += 1
        self.close(run)

    def close(self, run):
        self.latest.update(run)

    def verdict(self, test, bearers):
        """`passed`, `failed` or `not run`. On the console two tests may bear one name: they share the worst result of
        the name, and all of them must have run."""
        if test.key in self.units:
            return self.units[test.key]
        counts = self.latest.get(test.name)
        if counts is None:
            return "not run"
        ended = counts["passed"] + counts["failed"] + counts["skipped"]
        if counts["failed"] or ended < counts["started"]:
            return "failed"
        if counts["skipped"] or counts["passed"] < bearers:
            return "not run"
        return "passed"


def natural(identifier):
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", identifier)]


def section(citation):
    """The section that a citation is about: without the number of a requirement or a step."""
    return re.sub(r"(?: step \d+|/\w+)$", "", citation)


Requirement = collections.namedtuple("Requirement", "id level role text reason")


def lists(faults):
    """(file, heading, requirements) of every list."""
    seen = set()
    for path in sorted(glob.glob("docs/conformance/requirements/*.txt"), key=natural):
        with open(path, encoding="utf-8") as source:
            lines = source.read().splitlines()
        requirements = []
        for number, line in enumerate(lines[1:], 2):
            if not line.strip():
                continue
            fields = [field.strip() for field in line.split("|")]
            if len(fields) not in (4, 5) or fields[1] not in ("M", "S"):
                faults.append(f"{path}:{number}: not `id | M or S | role | text [| reason]`")
                continue
            if fields[0] in seen:
                faults.append(f"{path}:{number}: {fields[0]} stands twice")
            seen.add(fields[0])
            requirements.append(Requirement(*fields, *[""] * (5 - len(fields))))
        yield path, lines[0].lstrip("# "), requirements


def named(found):
    names = list(dict.fromkeys(test.name for test in found))
    rest = len(names) - MORE
    return "<br>".join(name.replace("|", "\\|") for name in names[:MORE]) + (f"<br>and {rest} more" if rest > 0 else "")


def main(paths):
    faults = []
    results = Results(paths)
    all_tests = list(tests())
    bearers = collections.Counter(test.name for test in all_tests)
    exact, by_section = collections.defaultdict(list), collections.defaultdict(list)
    for test in all_tests:
        for citation in test.citations:
            exact[citation].append(test)
            by_section[section(citation)].append(test)

    summary, pages, known, missing = [], [], set(), []
    totals = collections.Counter()
    for _, heading, requirements in lists(faults):
        counts, rows = collections.Counter(), []
        for wanted in requirements:
            known |= {wanted.id, section(wanted.id)}
            found = exact.get(wanted.id, [])
            outcomes = {results.verdict(test, bearers[test.name]) for test in found}
            weak = by_section.get(section(wanted.id), []) if not found and "/" in wanted.id else []
            if "failed" in outcomes:
                kind, result = "failed", "**failed**"
            elif "passed" in outcomes:
                kind, result = "proven", "proven"
            elif wanted.reason:
                kind, result = "reasoned", f"open: {wanted.reason}"
            elif found:
                kind, result = "unproven", "**not run**"
            elif weak:
                kind, result = "section", "**by section only**"
            else:
                kind, result = "unproven", "**open**"
            counts[kind] += 1
            if kind in ("section", "unproven") and wanted.level == "M":
                counts["missing"] += 1
                missing.append(wanted.id)
            if kind == "failed":
                missing.append(wanted.id + " (failed)")
            level = "SHALL" if wanted.level == "M" else "should"
            rows.append(
                f"| {wanted.id} | {level} | {wanted.role} | {wanted.text} | {named(found or weak)} | {result} |")
        counts["all"] = len(requirements)
        totals += counts
        summary.append((heading, counts))
        pages.append((heading, rows))
    for citation in sorted(exact, key=natural):
        if "/" in citation and citation not in known:
            faults.append(f"{citation}: cited by “{exact[citation][0].name}”, but in no list")

    kinds = ("all", "proven", "section", "reasoned", "failed", "missing")
    table = [
        "| specification | requirements | proven | by section only | open with a reason | failed | SHALL without proof or reason |",
        "|---|---|---|---|---|---|---|",
    ]
    for heading, counts in summary + [("**all**", totals)]:
        table.append("| " + " | ".join([heading] + [str(counts[kind]) for kind in kinds]) + " |")
    body = [
        "# What is proven",
        "",
        "Written by `./conformance` from the requirement lists in `requirements`, the tests that cite them and a run of the",
        "tests. A requirement is proven by a test that names it and passes; a test that names only its section is shown, but",
        "proves nothing here.",
        "",
    ] + table
    for heading, rows in pages:
        body += ["", f"## {heading}", "", "| requirement | level | role | what | tests | result |", "|---|---|---|---|---|---|"]
        body += rows
    others = sorted((clause for clause in by_section if clause not in known), key=natural)
    body += ["", "## Other citations", "", "Tests also cite these clauses, for which no list stands here.", ""]
    body += ["| clause | tests |", "|---|---|"]
    body += [f"| {clause} | {len({test.name for test in by_section[clause]})} |" for clause in others]

    print("\n".join(table))
    if missing:
        print("\nwithout proof or reason: " + ", ".join(missing))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        return 2
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write("\n".join(body) + "\n")
    print(f"\nwritten: {PAGE} ({results.count} test results read)")
    return 1 if totals["missing"] or totals["failed"] else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    sys.exit(main(sys.argv[1:]))
