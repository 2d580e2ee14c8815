// The Budget page's question on the sample, as a slider asks it: POST optimize with another total each time.
import http from 'node:http';
const [port, repeats] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (total) => new Promise((resolve, reject) => {
  const body = JSON.stringify({ by: 'campaign', total_budget: total });
  const started = process.hrtime.bigint();
  const request = http.request({ host: '127.0.0.1', port, path: '/api/v1/ml/optimize/budget', method: 'POST', agent, headers: { 'Content-Type': 'application/json', 'Content-Length': body.length } }, (answer) => {
    answer.resume();
    answer.on('end', () => (answer.statusCode === 200 ? resolve(Number(process.hrtime.bigint() - started) / 1e6) : reject(new Error(`status ${answer.statusCode}`))));
  });
  request.on('error', reject);
  request.end(body);
});
const first = await ask(8000);
const times = [];
for (let i = 0; i < Number(repeats); i++) times.push(await ask(8000 + 10 * i));
times.sort((a, b) => a - b);
console.log(`  budget answer, 60 campaigns median ${times[times.length >> 1].toFixed(0)} ms, slowest ${times.at(-1).toFixed(0)} ms, the first with its fit ${first.toFixed(0)} ms (goal < 100)`);
agent.destroy();
