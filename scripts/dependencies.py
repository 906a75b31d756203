#!/usr/bin/env python3
"""Licences and bans of the dependencies, from `cargo metadata`: it needs no tool beyond cargo.

The lists are the policy; a crate outside of them fails the check with its name.
"""

import json
import re
import subprocess
import sys

ALLOWED = {
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "0BSD",
    "CC0-1.0",
    "BSL-1.0",
    "Unicode-3.0",
    "MPL-2.0",
    "LGPL-2.1-only",  # libbpf itself, linked into the binary; its sources come with the crate
    "OFL-1.1",
}
# Unmaintained or unsound.
BANNED = {
    "bincode", "serde_yml", "paste", "backoff", "instant", "fxhash", "derivative",
    "proc-macro-error", "atty", "structopt", "dotenv", "ip_network_table",
}


def satisfied(expression: str) -> bool:
    """Whether a licence expression (SPDX; `/` as an old form of OR) can be met."""
    expression = expression.replace("/", " OR ")
    words = re.findall(r"\(|\)|AND|OR|[^\s()]+(?: WITH [^\s()]+)?", expression)
    python = []
    for word in words:
        python.append({"AND": "and", "OR": "or"}.get(word, word if word in "()" else str(word in ALLOWED)))
    return bool(eval(" ".join(python), {"__builtins__": {}}))  # only True, False, and, or, brackets


def main() -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    faults = []
    for package in packages:
        name = f'{package["name"]} {package["version"]}'
        if package["name"] in BANNED:
            faults.append(f"{name} is banned (unmaintained or unsound)")
        elif not package["license"] and not package["license_file"]:
            faults.append(f"{name} names no licence")
        elif package["license"] and not satisfied(package["license"]):
            faults.append(f'{name} is under {package["license"]}, which is not in the list')
    for fault in faults:
        print(f"dependencies: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
