// SPDX-License-Identifier: MIT
//
// loop.js - the load of the Node.js clients: so many calls under way all the time, each answer checked.
//
// usage: node freshet_client.js|grpc_client.js ADDRESS promises CALLS WARMUP-SECONDS SECONDS
//
// Prints the line of JSON that tools/clients/python/loop.py describes.
const FIRST = 1000; // what the servers hold: tools/peers/people.h
const USERS = 1000;

// open(address) returns { call, close }; call(id) is a promise of the id in the answer.
export async function run(open) {
  const [address, , calls, warmup, seconds] = process.argv.slice(2);
  const { call, close } = open(address);
  const begin = performance.now() + 1000 * warmup;
  const end = begin + 1000 * seconds;
  const times = [];
  const failures = [];
  let cpu;

  async function work(first) {
    for (let number = first, began; (began = performance.now()) < end; number += Number(calls)) {
      const wanted = `user-${FIRST + (number % USERS)}`;
      try {
        const got = await call(wanted);
        const ended = performance.now();
        if (got !== wanted) {
          failures.push(`asked for ${wanted}, got ${got}`);
        } else if (ended >= begin && ended < end) {
          times.push(ended - began);
        }
      } catch (error) {
        failures.push(error.message);
      }
    }
  }

  setTimeout(() => (cpu = process.cpuUsage()), 1000 * warmup);
  await Promise.all(Array.from({ length: Number(calls) }, (_, number) => work(number)));
  cpu = process.cpuUsage(cpu);
  close();
  times.sort((left, right) => left - right);
  const quantile = (part) => 1000 * (times[Math.floor(times.length * part)] ?? 0);
  console.log(
    JSON.stringify({
      calls: times.length,
      calls_per_s: times.length / seconds,
      p50_us: quantile(0.5),
      p99_us: quantile(0.99),
      errors: failures.length,
      first_error: failures[0] ?? "",
      cpu_s: (cpu.user + cpu.system) / 1e6,
    }),
  );
}
