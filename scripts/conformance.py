#!/usr/bin/env python3
"""Joins requirement lists, tests and results.

Requirements: docs/conformance/requirements/*.txt, lines `id | M or S | role | text`, with a fifth field where one is open.
Tests: every @Test and @Suite that carries .spec("...") in Tests. A citation is an id (`RFC 6665 §4.2.2/3`), or a
section (`RFC 6665 §4.2.2`), which stands for all of its requirements.
Results: the output of `swift test`, named on the command line.
"""
import collections
import glob
import re
import sys

QUOTED = r'"((?:[^"\\]|\\.)*)"'


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


def cited(arguments):
    found = []
    for match in re.finditer(r"\.spec\(", arguments):
        inside, _ = balanced(arguments, match.end() - 1)
        found += re.findall(QUOTED, inside)
    return found


def tests():
    """(file, display name, citations) of every test that cites something."""
    for path in sorted(glob.glob("Tests/**/*.swift", recursive=True)):
        text = open(path, encoding="utf-8").read()
        suite = []
        for match in re.finditer(r"@(Test|Suite)\b", text):
            arguments, end = ("", match.end())
            if text[match.end() : match.end() + 1] == "(":
                arguments, end = balanced(text, match.end())
            citations = cited(arguments)
            if match.group(1) == "Suite":
                suite = citations
                continue
            name = re.match(r"\s*" + QUOTED, arguments)
            function = re.search(r"func\s+(\w+)", text[end:])
            title = name.group(1).replace('\\"', '"') if name else (function.group(1) if function else "?") + "()"
            if citations or suite:
                yield path, title, citations + suite


def results(log):
    found = {}
    for line in open(log, encoding="utf-8", errors="replace"):
        match = re.search(r'Test (?:"(.*)"|(\w+)\(.*?\))(?: with \d+ test cases?)? (passed|failed|skipped)', line)
        if match:
            name, verdict = match.group(1) or (match.group(2) + "()"), match.group(3)
            if found.get(name) != "failed":
                found[name] = verdict
    return found


def natural(identifier):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", identifier)]


def main():
    verdicts = results(sys.argv[1])
    by_citation = collections.defaultdict(list)
    for path, title, citations in tests():
        for citation in citations:
            by_citation[citation].append((path, title))
    known, totals, pages = set(), [], []
    for listing in sorted(glob.glob("docs/conformance/requirements/*.txt"), key=natural):
        lines = open(listing, encoding="utf-8").read().splitlines()
        heading = lines[0].lstrip("# ")
        rows, proven, failed, open_shalls = [], 0, 0, 0
        for line in lines[1:]:
            if not line.strip():
                continue
            fields = [field.strip() for field in line.split("|")]
            identifier, level, role, text = fields[:4]
            reason = fields[4] if len(fields) > 4 else ""
            section = identifier.split("/")[0]
            known |= {identifier, section}
            found = by_citation.get(identifier, [])
            if section != identifier:
                found = found + [test for test in by_citation.get(section, []) if test not in found]
            outcomes = [verdicts.get(title, "not run") for _, title in found]
            if any(outcome == "failed" for outcome in outcomes):
                result, failed = "**failed**", failed + 1
            elif any(outcome == "passed" for outcome in outcomes):
                result, proven = "proven", proven + 1
            elif reason:
                result = f"open: {reason}"
            else:
                result = "**open**"
                open_shalls += level == "M"
            names = "<br>".join(title for _, title in found[:6]) + (f"<br>and {len(found) - 6} more" if len(found) > 6 else "")
            rows.append(f"| {identifier} | {'SHALL' if level == 'M' else 'should'} | {role} | {text} | {names} | {result} |")
        totals.append((heading, len(rows), proven, failed, open_shalls, listing))
        pages.append((listing, heading, rows))
    body = [
        "# What is proven",
        "",
        "Written by `./conformance` from the requirement lists, the tests that cite them and a run of the tests.",
        "",
        "| specification | requirements | proven | failed | SHALL without proof or reason |",
        "|---|---|---|---|---|",
    ]
    for heading, count, proven, failed, open_shalls, listing in totals:
        body.append(f"| {heading} | {count} | {proven} | {failed} | {open_shalls} |")
    print("\n".join(body[4:]))
    for listing, heading, rows in pages:
        body += ["", f"## {heading}", "", "| requirement | level | role | what | tests | result |", "|---|---|---|---|---|---|"] + rows
    others = sorted((set(by_citation) - known), key=natural)
    body += ["", "## Other citations", "", "Tests also cite these clauses, for which no list stands here.", "", "| clause | tests |", "|---|---|"]
    body += [f"| {citation} | {len(by_citation[citation])} |" for citation in others]
    with open("docs/conformance/README.md", "w", encoding="utf-8") as out:
        out.write("\n".join(body) + "\n")
    print(f"\nwritten: docs/conformance/README.md ({len(verdicts)} test results read)")
    bad = sum(total[3] + total[4] for total in totals)
    return 1 if bad else 0


sys.exit(main())
