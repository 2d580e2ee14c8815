// Lays the interactive API documentation into dist/docs: every file from this origin, no script in
// the page itself, and no request to anyone else.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const from = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const to = fileURLToPath(new URL('../dist/docs/', import.meta.url));
await mkdir(to, { recursive: true });
for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) await copyFile(join(from, name), join(to, name));

await writeFile(
  join(to, 'index.html'),
  `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Winnow API</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
    <link rel="stylesheet" href="/docs/docs.css" />
  </head>
  <body>
    <header class="bar"><a href="/">Winnow</a><span>API documentation</span><a href="/openapi.json">openapi.json</a></header>
    <main id="docs"></main>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/docs.js"></script>
  </body>
</html>
`,
);

await writeFile(
  join(to, 'docs.css'),
  `body { margin: 0; background: #fff; }
#docs { max-width: 1280px; margin: 0 auto; }
.bar { display: flex; gap: 16px; align-items: center; padding: 12px 20px; font: 14px system-ui, sans-serif;
  border-bottom: 1px solid #dfe3e8; color: #3d4652; }
.bar a { color: #1f4fbf; }
.bar a:first-child { font-weight: 600; text-decoration: none; color: #151a21; }
.bar a:last-child { margin-left: auto; }
`,
);

// validatorUrl null: the badge would ask a foreign host about the contract.
await writeFile(
  join(to, 'docs.js'),
  `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
});
`,
);
console.log('docs: dist/docs/');
