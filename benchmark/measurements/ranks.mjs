// Measures a training by 1, 2, 4, … ranks, beside what the model of its cost says. On one machine, or (as root, on Linux) on hosts made of network
// namespaces, with a rate and a delay between them: by `tc`, or, where the kernel has no netem for the delay, by a relay (ranks-relay.py).
//
//   node benchmark/measurements/ranks.mjs --ranks 1,2 [--hosts 2 --rate 1gbit --delay 1ms] [--layers 1 --units 256 --batch 64 --time 100 --steps 30]
//
// The model (docs/ranks-cost.md): a step of n ranks takes compute/n + rounds · latency + 2 · (n - 1)/n · bytes/bandwidth. `compute` is the step of one
// rank with the cores that a rank has; latency and bandwidth are fitted to exchanges of few numbers and of 4 MB. For more ranks than were measured,
// each further one adds `perMessage` to the latency.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { network as addresses, bits, makeHosts, seconds } from './ranks-network.mjs'

const text = (value) => ({ type: 'string', default: String(value) })
const { values } = parseArgs({
  options: {
    ...{ ranks: text('1,2'), hosts: text(1), rate: { type: 'string' }, delay: { type: 'string' } },
    ...{
      layers: text(1),
      units: text(256),
      batch: text(64),
      time: text(100),
      steps: text(30),
      json: { type: 'string' },
    },
  },
})
const program = fileURLToPath(new URL('./ranks-step.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-ranks-'))
const hosts = Number(values.hosts)
const names = Array.from({ length: hosts }, (_, at) => `slhost${at}`)

/** What `ranks-step.mjs` measures with so many ranks. */
function measure(size, agent) {
  const result = join(folder, `${size}.json`)
  const args = [program, result, values.units, values.batch, values.time, values.steps, values.layers]
  const root = process.getuid?.() === 0 ? ['--allow-run-as-root'] : []
  const slots = Math.ceil(size / hosts)
  const among = agent
    ? [
        ...['--host', names.map((name) => `${name}:${slots}`).join(), '--map-by', 'node'],
        ...['--mca', 'plm_rsh_agent', agent, '--mca', 'pml', 'ob1', '--mca', 'btl', 'tcp,self'],
        ...['--mca', 'btl_tcp_if_include', `${addresses}.0/24`, '--mca', 'oob_tcp_if_include', `${addresses}.0/24`],
      ]
    : []
  // Each rank computes with one thread, so that one core is what is compared.
  const env = { ...process.env, SEQLOOM_THREADS: '1', SEQLOOM_DISTRIBUTED: 'mpi' }
  const pass = ['-x', 'SEQLOOM_THREADS', '-x', 'SEQLOOM_DISTRIBUTED']
  const flags = [...root, '--oversubscribe', '--bind-to', 'none', ...pass, ...among, '-n', String(size)]
  const mpirun = spawnSync('mpirun.openmpi', ['--version']).error ? 'mpirun' : 'mpirun.openmpi'
  const { status, stderr } = spawnSync(mpirun, [...flags, process.execPath, ...args], { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${size} ranks ended with ${status}: ${stderr}`)
  return JSON.parse(readFileSync(result, 'utf8'))
}

/** Seconds of a step, by the model. */
const cost = ({ compute, rounds, bytes }, { latency, bandwidth }, size) =>
  compute / size + (size > 1 ? rounds * latency + ((2 * (size - 1)) / size) * (bytes / bandwidth) : 0)

const ms = (seconds) => `${(1000 * seconds).toFixed(2)} ms`
let made
try {
  if (hosts > 1) made = await makeHosts(names, values, folder)
  const rows = values.ranks.split(',').map((size) => measure(Number(size), Number(size) > 1 ? made?.agent : undefined))
  const alone = rows.find(({ size }) => size === 1) ?? rows[0]
  const step = { compute: alone.step * alone.size, rounds: 3, bytes: alone.bytes }
  console.log(`load ${loadavg()[0].toFixed(1)}; ${alone.parameters} parameters; one rank: ${ms(step.compute)} a step`)
  for (const { size, step: measured, network } of rows.filter(({ size }) => size > 1)) {
    const expected = cost(step, network, size)
    const link = `latency ${(1e6 * network.latency).toFixed(0)} µs, ${(network.bandwidth / 1e6).toFixed(0)} MB/s`
    const share = `${(measured / expected).toFixed(2)} times`
    console.log(`${size} ranks: ${ms(measured)}, by the model ${ms(expected)} (${share}); ${link}`)
    if (!made || !(values.delay && values.rate)) continue
    const set = { latency: seconds(values.delay), bandwidth: bits(values.rate) / 8 }
    console.log(`  with the delay and the rate that ${made.by} was told: ${ms(cost(step, set, size))}`)
  }
  for (const [name, { latency, perMessage, bandwidth }] of [
    ['10 Gbit/s', { latency: 30e-6, perMessage: 5e-6, bandwidth: 1.1e9 }],
    ['100 Gbit/s', { latency: 5e-6, perMessage: 1e-6, bandwidth: 11e9 }],
  ]) {
    const speedups = [2, 4, 8, 16, 32, 64].map((size) => {
      const network = { latency: latency + (size - 2) * perMessage, bandwidth }
      return `${size}: ${(step.compute / cost(step, network, size)).toFixed(1)}`
    })
    console.log(`${name}, by the model, so many times as fast with so many ranks: ${speedups.join(', ')}`)
  }
  if (values.json) writeFileSync(values.json, JSON.stringify({ rows, step }, null, 2))
} finally {
  made?.remove()
  rmSync(folder, { recursive: true, force: true })
}
