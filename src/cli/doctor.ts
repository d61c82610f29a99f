import { cpus, loadavg, release, totalmem } from 'node:os'
import { tensor } from '../data/tensor.js'
import { type Backend, backend } from '../engine.js'
import { dense } from '../layers/dense.js'
import { sequential } from '../model/index.js'
import { describeMachine } from '../native/machine.js'
import { version } from '../native/version.js'
import { print, printJson } from './output.js'

/**
 * Floating-point operations that a core does per clock cycle at best: two fused multiply-adds of a vector, each of two
 * operations for each of its lanes. Some processors do AVX-512 in two halves; they reach what AVX2 does.
 */
const perCycle: Readonly<Record<string, number>> = { scalar: 4, avx2: 32, avx512: 32, neon: 16 }

/** The share of that which a matrix product should reach on a machine that does nothing else. */
const expectedShare = 0.4

/** The product that is measured: rows, and the size of both sides of the matrix. */
const [rows, size, rounds] = [512, 1024, 8]

/** What was found, and what to do; nothing if all is well. */
interface Report {
  readonly facts: Backend & Readonly<Record<string, unknown>>
  /** Billions of floating-point operations per second, measured and expected at least. */
  readonly gflops: number
  readonly expected: number | undefined
  readonly advice: readonly string[]
}

/** Says what runs, how fast against what is expected of this processor, and what to do. */
export function doctor({ json }: { readonly json: boolean }): void {
  const report = examined()
  if (json) {
    const { facts, gflops, expected, advice } = report
    printJson({ ...facts, gflops, expected_gflops: expected, advice, healthy: advice.length === 0 })
    return
  }
  const { facts, gflops, expected, advice } = report
  const speed = `${gflops.toFixed(1)} GFLOP/s in a matrix product`
  const bound = expected === undefined ? '' : `; at least ${expected.toFixed(0)} are expected of this processor`
  const lines = { ...facts, speed: `${speed}${bound}` }
  const width = Math.max(...Object.keys(lines).map((name) => name.length))
  for (const [name, value] of Object.entries(lines)) print(`${name.padEnd(width)}  ${[value].flat().join(', ')}`)
  print('')
  print(advice.length === 0 ? 'All is well.' : advice.map((each) => `- ${each}`).join('\n'))
}

function examined(): Report {
  const facts = backend()
  const { simd, simdAvailable, threads } = facts
  const [load = 0] = loadavg()
  const clock = Math.max(...cpus().map(({ speed }) => speed), 0)
  const gflops = measured()
  const peak = clock > 0 ? (clock / 1000) * (perCycle[simd] ?? 0) * threads : 0
  const expected = peak > 0 ? peak * expectedShare : undefined
  const advice: string[] = []
  const best = simdAvailable.at(-1)
  if (best !== undefined && best !== simd) {
    advice.push(`The engine runs with ${simd} although this processor has ${best}: unset SEQLOOM_SIMD.`)
  }
  const processors = cpus().length
  if (threads < processors) {
    advice.push(
      `${threads} of ${processors} processors are used: SEQLOOM_THREADS, the process's affinity or its container's quota says so. More help large models alone.`,
    )
  }
  if (facts.version !== version) {
    advice.push(`The engine is of version ${facts.version}, the package of ${version}: install seqloom again.`)
  }
  const busy = load > processors * 0.7
  if (busy)
    advice.push(
      `The machine is busy (load ${load.toFixed(1)} on ${processors} processors): what was measured may be too low.`,
    )
  if (expected !== undefined && gflops < expected && !busy) {
    const slow = `It computes slower than expected: ${gflops.toFixed(0)} instead of ${expected.toFixed(0)} GFLOP/s.`
    advice.push(
      `${slow} Look for a clock that is held down (power saving, heat), neighbours on a shared machine, or an engine built with 'npm run setup', which is for development.`,
    )
  }
  const memory = `${(totalmem() / 2 ** 30).toFixed(1)} GiB`
  const others = { machine: `${describeMachine()}, kernel ${release()}`, memory, load: Number(load.toFixed(2)) }
  return { facts: { ...facts, ...others }, gflops, expected, advice }
}

/** The best speed of a few products, in billions of operations per second. */
function measured(): number {
  const model = sequential([dense({ units: size, inputShape: [size], useBias: false })], { seed: 0 })
  const x = tensor(new Float32Array(rows * size).fill(0.5), [rows, size])
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now()
    model.predictSync(x, { batchSize: rows })
    // The first one allocates.
    if (round > 0) best = Math.min(best, performance.now() - began)
  }
  model.dispose()
  return (2 * rows * size * size) / best / 1e6
}
