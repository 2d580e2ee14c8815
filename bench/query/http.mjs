// Asks the server the KPI summary and the daily trend over one kept connection; writes the medians in ms.
import http from 'node:http';
import { writeFileSync } from 'node:fs';
const [port, out, repeats] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const paths = [
  '/api/v1/analytics/query?metrics=spend,revenue,conversions,clicks,impressions&from=2025-12-02&to=2025-12-31',
  '/api/v1/analytics/query?metrics=spend,revenue&by=channel,day&from=2025-01-01&to=2025-12-31',
];
const get = (path) => new Promise((resolve, reject) => {
  const started = process.hrtime.bigint();
  http.get({ host: '127.0.0.1', port, path, agent }, (res) => {
    let n = 0;
    res.on('data', (d) => (n += d.length));
    res.on('end', () => (res.statusCode === 200 ? resolve(Number(process.hrtime.bigint() - started) / 1e6) : reject(new Error(`${path}: ${res.statusCode}`))));
  }).on('error', reject);
});
const lines = [];
for (let i = 0; i < 300; i++) await get('/health'); // else the client's own compilation is measured
for (const path of paths) {
  for (let i = 0; i < 5; i++) await get(path);
  const times = [];
  for (let i = 0; i < Number(repeats); i++) times.push(await get(path));
  times.sort((a, b) => a - b);
  lines.push(times[Math.floor(times.length / 2)].toFixed(3));
}
writeFileSync(out, lines.join('\n') + '\n');
agent.destroy();
