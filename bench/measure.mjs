// Runs a command and prints "SECONDS PEAK_MB": its wall time and the largest resident size seen.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
const [command, ...args] = process.argv.slice(2);
const started = process.hrtime.bigint();
const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
let peakKb = 0;
const look = setInterval(() => {
  try {
    const m = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
    if (m) peakKb = Math.max(peakKb, Number(m[1])); // the kernel's own high-water mark: a late look loses little
  } catch { /* it has ended */ }
}, 5);
child.on('exit', (code) => {
  clearInterval(look);
  console.log(`${(Number(process.hrtime.bigint() - started) / 1e9).toFixed(3)} ${Math.round(peakKb / 1024)}`);
  process.exit(code ?? 1);
});
