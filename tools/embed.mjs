// Puts the built web application into the binary: compresses every file of a directory and writes
// an assembler file that includes the bytes and a C table that names them (src/serve/web_files.h).
//
//   node tools/embed.mjs web/dist build/web
//
// Only Node's own modules. The same files give the same bytes, whatever their dates or the order of
// the directory.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const TYPES = {
  css: 'text/css; charset=utf-8',
  gif: 'image/gif',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  jpg: 'image/jpeg',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  map: 'application/json',
  mjs: 'text/javascript; charset=utf-8',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  webmanifest: 'application/manifest+json',
  webp: 'image/webp',
  woff: 'font/woff',
  woff2: 'font/woff2',
  yaml: 'application/yaml',
};
// Compressed already: trying again only costs time.
const DENSE = new Set(['gif', 'ico', 'jpg', 'png', 'webp', 'woff', 'woff2']);
// A compressed form is kept where it saves at least a twentieth.
const WORTH_IT = 0.95;

function fail(text) {
  console.error(`embed: ${text}`);
  process.exit(1);
}

function listFiles(dir, prefix = '') {
  const found = [];
  for (const entry of readdirSync(join(dir, prefix), { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue; // notes of the bundler to itself
    const path = posix.join(prefix, entry.name);
    if (entry.isDirectory()) found.push(...listFiles(dir, path));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

const extensionOf = (path) => (/\.([a-z0-9]+)$/i.exec(path)?.[1] ?? '').toLowerCase();

// The bundler names files assets/NAME-HASH.ext: eight or more letters that change with the content.
const isHashed = (path) => /^assets\/.*-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/.test(path);

// Byte order, as the binary search of the server compares.
const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

const cText = (s) => `"${s.replace(/[\\"]/g, '\\$&')}"`;

function compressed(bytes, extension) {
  if (DENSE.has(extension) || bytes.length < 256) return {};
  const gzip = gzipSync(bytes, { level: 9 });
  // The system that compressed stands in the header; it must not tell machines apart.
  gzip[9] = 255;
  const brotli = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 22,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const kept = {};
  if (gzip.length < bytes.length * WORTH_IT) kept.gzip = gzip;
  if (brotli.length < bytes.length * WORTH_IT) kept.brotli = brotli;
  return kept;
}

function embed(dist, out) {
  const paths = listFiles(dist)
    .map((path) => `/${path}`)
    .sort(byBytes);
  if (!paths.includes('/index.html')) fail(`${dist} holds no index.html: build the web application first`);
  rmSync(join(out, 'files'), { recursive: true, force: true });
  mkdirSync(join(out, 'files'), { recursive: true });

  const data = [];
  const externs = [];
  const rows = [];
  let total = 0;
  // The assembler looks from where it is started, so the path is whole; it does not get into the binary.
  const incbin = (symbol) => `.incbin ${cText(join(out, 'files', symbol))}`;
  const put = (symbol, bytes) => {
    writeFileSync(join(out, 'files', symbol), bytes);
    // A byte behind each, so that an empty file has an address of its own.
    data.push(`    .global ${symbol}\n    .balign 16\n${symbol}:\n    ${incbin(symbol)}\n    .byte 0\n`);
    externs.push(`extern const char ${symbol}[];`);
    total += bytes.length;
    return `${symbol}, ${bytes.length}`;
  };

  paths.forEach((path, i) => {
    const bytes = readFileSync(join(dist, path));
    const extension = extensionOf(path);
    const type = TYPES[extension] ?? 'application/octet-stream';
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`;
    const { gzip, brotli } = compressed(bytes, extension);
    const name = `wn_web_${i}`;
    rows.push(
      `    {${cText(path)}, ${cText(type)}, ${cText(etag)}, ${isHashed(path.slice(1))},\n` +
        `     ${put(`${name}_plain`, bytes)},\n` +
        `     ${gzip ? put(`${name}_gzip`, gzip) : 'NULL, 0'},\n` +
        `     ${brotli ? put(`${name}_brotli`, brotli) : 'NULL, 0'}},\n`,
    );
  });

  writeFileSync(
    join(out, 'web_files_data.S'),
    '/* Made by tools/embed.mjs. The bytes of the web application. */\n' +
      '    .section .rodata\n' +
      data.join('') +
      '    .section .note.GNU-stack, "", %progbits\n',
  );
  writeFileSync(
    join(out, 'web_files_table.c'),
    '/* Made by tools/embed.mjs. */\n#include "serve/web_files.h"\n\n' +
      `${externs.join('\n')}\n\nconst struct wn_web_file wn_web_files[] = {\n${rows.join('')}};\n` +
      `const size_t wn_n_web_files = ${paths.length};\n`,
  );
  console.log(`embed: ${paths.length} files, ${(total / 1024).toFixed(0)} KB with their compressed forms`);
}

const [dist, out] = process.argv.slice(2);
if (!dist || !out) fail('usage: node tools/embed.mjs DIST_DIRECTORY OUT_DIRECTORY');
embed(resolve(dist), resolve(out));
