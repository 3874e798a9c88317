#!/bin/sh
# Makes the libraries of the console's pages anew, from the versions in scripts/vendor/package.json: each one ES module,
# minified, with the licences of all that is in it beside it. For maintainers; needs Node.js. Nobody else builds anything.
set -eu
cd "$(dirname "$0")/vendor"
vendor=../../phoneagent/web/console/static/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp ./*.js package.json "$work"
(cd "$work" && npm install --silent --no-audit --no-fund --no-package-lock)
rm -f "$vendor"/*
for library in preact uplot codemirror; do
    (cd "$work" && npx esbuild "$library.js" --bundle --format=esm --target=es2022 --minify --legal-comments=none \
        --metafile="$library.json" --outfile="out/$library.js" --log-level=warning)
    cp "$work/out/$library.js" "$vendor/"
done
cp "$work/node_modules/uplot/dist/uPlot.min.css" "$vendor/uplot.css"
(cd "$work" && node - preact uplot codemirror) >"$vendor/LICENSES.md" <<'JS'
const fs = require("fs");
console.log("# What is in these files, and its licences\n\nMade by `scripts/vendor.sh`. Don't edit.");
for (const library of process.argv.slice(2)) {
  const inputs = Object.keys(JSON.parse(fs.readFileSync(`${library}.json`)).inputs);
  const names = new Set(inputs.map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean));
  console.log(`\n## ${library}.js\n\n| package | version | licence |\n| --- | --- | --- |`);
  const texts = new Map();
  for (const name of [...names].sort()) {
    const { version, license } = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`));
    console.log(`| ${name} | ${version} | ${license} |`);
    const file = fs.readdirSync(`node_modules/${name}`).find((file) => /^licen[cs]e/i.test(file));
    const text = file ? fs.readFileSync(`node_modules/${name}/${file}`, "utf8").trim() : null;
    if (text !== null) texts.set(text, [...(texts.get(text) ?? []), name]);
  }
  for (const [text, of] of texts) console.log(`\n### ${of.join(", ")}\n\n${text}`);
}
JS
