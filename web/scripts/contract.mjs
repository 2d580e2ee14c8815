// Makes what comes from the contract (api/openapi.yaml): the client's types (src/api/schema.ts) and
// the JSON that the server hands out (public/openapi.json, copied into dist by the build).
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';
import { parse } from 'yaml';

const source = new URL('../../api/openapi.yaml', import.meta.url);
const contract = parse(await readFile(source, 'utf8'));

const types = astToString(await openapiTS(contract));
await writeFile(
  new URL('../src/api/schema.ts', import.meta.url),
  `// Generated from api/openapi.yaml by \`npm run types\`. Not to be edited.\n${types}`,
);

const out = new URL('../public/', import.meta.url);
await mkdir(out, { recursive: true });
await writeFile(new URL('openapi.json', out), JSON.stringify(contract));
console.log(`contract: ${Object.keys(contract.paths ?? {}).length} paths`);
