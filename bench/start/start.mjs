// Time from starting the process to the first answer of /health, on an existing data directory.
import { spawn } from 'node:child_process';
import http from 'node:http';
const [binary, data, rounds] = process.argv.slice(2);
const ask = (port) => new Promise((resolve, reject) => http.get({ host: '127.0.0.1', port, path: '/health' }, (r) => { r.resume(); r.on('end', resolve); }).on('error', reject));
const times = [];
for (let i = 0; i < Number(rounds); i++) {
  const started = process.hrtime.bigint();
  const child = spawn(binary, ['serve', '--data', data, '--port', '0', '--log-level', 'error'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const port = await new Promise((resolve) => { let s = ''; child.stdout.on('data', (d) => { s += d; const m = /:(\d+)\n/.exec(s); if (m) resolve(m[1]); }); });
  await ask(port);
  times.push(Number(process.hrtime.bigint() - started) / 1e6);
  child.kill('SIGTERM');
  await new Promise((resolve) => child.on('exit', resolve));
}
times.sort((a, b) => a - b);
console.log(`  start to first answer    ${times[Math.floor(times.length / 2)].toFixed(0)} ms (goal < 150; fastest ${times[0].toFixed(0)}, slowest ${times[times.length - 1].toFixed(0)})`);
