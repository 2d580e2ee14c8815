// Prints what a first visit to the Overview loads as script, and fails above the limit.
import { readFile, rm } from 'node:fs/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const LIMIT_KB = 200;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('.vite/manifest.json', dist), 'utf8'));

// The entry, the page, the chart, and everything that these import statically.
const wanted = new Set();
const visit = (key) => {
  if (wanted.has(key)) return;
  wanted.add(key);
  for (const next of manifest[key].imports ?? []) visit(next);
};
const starts = Object.keys(manifest).filter(
  (key) => manifest[key].isEntry || ['Overview', 'canvas'].includes(manifest[key].name),
);
if (starts.length !== 3) throw new Error(`expected the entry, the Overview and the chart, found: ${starts}`);
starts.forEach(visit);

await rm(new URL('.vite', dist), { recursive: true });

let total = 0;
let totalGzip = 0;
const rows = [{ file: 'theme.js', bytes: await readFile(new URL('theme.js', dist)) }];
for (const key of wanted) {
  const { file } = manifest[key];
  if (file.endsWith('.js')) rows.push({ file, bytes: await readFile(new URL(file, dist)) });
}
for (const { file, bytes } of rows) {
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
  const gzip = gzipSync(bytes, { level: 9 }).length;
  total += brotli;
  totalGzip += gzip;
  console.log(`  ${(brotli / 1024).toFixed(1).padStart(7)} KB br ${(gzip / 1024).toFixed(1).padStart(7)} KB gz  ${file}`);
}
console.log(
  `first load of the Overview: ${(total / 1024).toFixed(1)} KB of script (brotli), ` +
    `${(totalGzip / 1024).toFixed(1)} KB (gzip); the limit is ${LIMIT_KB} KB of what browsers are sent (brotli)`,
);
if (total / 1024 > LIMIT_KB) {
  console.error('The first load is over its limit.');
  process.exit(1);
}
