import { createHash } from 'node:crypto';
import { basename, relative } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// WINNOW_URL: the server that answers /api while `npm run dev` serves the pages.
const server = process.env.WINNOW_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  css: {
    modules: {
      // By the place inside the project: the same sources give the same bytes wherever they lie.
      generateScopedName(name, file) {
        const place = relative(process.cwd(), file.split('?')[0]!);
        const hash = createHash('sha256').update(place).digest('hex').slice(0, 5);
        return `${basename(place, '.module.css')}-${name}-${hash}`;
      },
    },
  },
  build: {
    target: 'es2021',
    manifest: true,
    sourcemap: false,
    // Everything stays a file of our own origin: the page's security policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        manualChunks(id) {
          if (/node_modules\/(echarts|zrender)\//.test(id)) return 'chart';
          if (/node_modules\/(react|react-dom|scheduler)\//.test(id)) return 'react';
          return undefined;
        },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/health', '/docs', '/openapi.json', '/metrics'].map((path) => [path, server]),
    ),
  },
});
