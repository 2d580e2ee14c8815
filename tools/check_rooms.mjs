#!/usr/bin/env node
// Enforces the floors of the rooms (who may include what) and the banned words of our C.
// Prints every breach as file:line and ends with status 1 when there is one.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..');

// room -> rooms whose headers it may include, besides its own.
const mayInclude = {
  core: [],
  io: ['core'],
  domain: ['core'],
  learn: ['core'],
  metric: ['domain', 'core'],
  store: ['domain', 'io', 'core'],
  connect: ['domain', 'io', 'core'],
  sandbox: ['io', 'core'],
  collect: ['connect', 'store', 'domain', 'io', 'core'],
  fold: ['store', 'metric', 'learn', 'domain', 'core'],
  decide: ['learn', 'metric', 'store', 'domain', 'core'],
  act: ['connect', 'store', 'domain', 'io', 'core'],
  jobs: ['store', 'domain', 'io', 'core'],
  serve: ['collect', 'fold', 'decide', 'act', 'jobs', 'metric', 'store', 'learn', 'domain', 'io', 'core'],
  cli: null, // all
};
// Headers of the kernel: only io/, store/ engines and cli/ talk to it; core and learn are pure.
const pureRooms = new Set(['core', 'domain', 'learn', 'metric', 'decide', 'sandbox']);
const kernelHeaders = /^(sys\/|pthread|unistd|fcntl|poll|netdb|netinet\/|arpa\/|signal|dirent|time)/;
const banned =
  /(?<![\w.>])(strcpy|strcat|sprintf|strtok|strncpy|atoi|atof|gets|localtime|gmtime|rand|alloca)\s*\(/;
const engines = /"store\/(catalog|facts|journal|blobs)\/[^"]*"/;

const problems = [];
const files = [];
(function walk(dir) {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) walk(path);
    else if (/\.(c|h|cc)$/.test(name)) files.push(path);
  }
})(join(root, 'src'));

for (const path of files) {
  const name = relative(root, path);
  const room = name.split('/')[1];
  if (!(room in mayInclude)) {
    problems.push(`${name}:1: '${room}' is not a room`);
    continue;
  }
  const source = readFileSync(path, 'utf8');
  // Comments and strings say what they like; line numbers stay.
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g, (m) => m.startsWith('"') ? '""' : m.replace(/[^\n]/g, ' '));
  const lines = source.split('\n');
  code.split('\n').forEach((line, i) => {
    const at = `${name}:${i + 1}`;
    const include = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(lines[i]);
    if (include) {
      const target = include[1];
      const quoted = lines[i].includes('"');
      const other = target.split('/')[0];
      if (quoted && other in mayInclude && target.includes('/')) {
        if (other !== room && mayInclude[room] && !mayInclude[room].includes(other))
          problems.push(`${at}: ${room}/ may not include ${target}`);
        if (other !== room && /_int\.h$/.test(target)) problems.push(`${at}: ${target} is private to ${other}/`);
        if (other !== room && engines.test(lines[i])) problems.push(`${at}: ${target} is an engine; include the interface`);
      } else if (quoted && !target.startsWith('winnow/')) {
        problems.push(`${at}: include by full path from src/: ${target}`);
      }
      if (!quoted && pureRooms.has(room) && kernelHeaders.test(target))
        problems.push(`${at}: ${room}/ is pure and may not include <${target}>`);
      return;
    }
    const word = banned.exec(line);
    if (word) problems.push(`${at}: ${word[1]}() is banned`);
  });
}

for (const problem of problems) console.error(problem);
console.log(`check_rooms: ${files.length} files, ${problems.length} problems`);
process.exit(problems.length ? 1 : 0);
