import { checkCallbacks } from '../callbacks/callback.js'
import type { LoopEvent } from '../callbacks/moments.js'
import { concatenated } from '../data/concatenated.js'
import { fingerprint, runSliced } from '../data/index.js'
import { isStreamed } from '../data/sources.js'
import type { DataSet, Streamed, Tensor } from '../data/tensor.js'
import { type Ranks, together } from '../distributed.js'
import { callNative, SeqloomError } from '../errors.js'
import type { CancelFlag, NativeTensor } from '../native/index.js'
import type { Engine } from './engine.js'
import { checkAlike, exchanged, exchangedTensors } from './exchange.js'
import { Feeder } from './feeder.js'
import { batchesOf, batchSizeFor, checkRows } from './fixedBatch.js'
import { checkPrompt, type GenerateOptions, generation, portionsOf } from './generate.js'
import type { Model } from './model.js'
import { sharersOf } from './ranks.js'
import type { BatchParts } from './rowParts.js'
import {
  checkPredict,
  checkPredictSync,
  defaultBatchSize,
  type PredictOptions,
  type PredictSyncOptions,
} from './runOptions.js'
import { type BeamSearchOptions, checkBeamSearch, type Hypothesis, runBeamSearch } from './search.js'
import { Session, type SessionOptions, sessionPlan } from './session.js'
import { asTensor, convertInputs, inputsAtOnce } from './slots.js'
import { toldRun } from './told.js'

/** {@link Model.predict}: all outputs, or those with the given indices; as an array if it is a `list`. */
export async function predict<Out extends Tensor | Tensor[]>(
  model: Model,
  engine: Engine,
  x: DataSet | Streamed,
  options: PredictOptions,
  list: boolean,
  wanted?: readonly number[],
): Promise<Out> {
  checkPredict(options)
  const ranks = sharersOf('predict', options.distributed, model, checkCallbacks(options.callbacks, 'predict'))
  const outputs = await together(ranks, async () =>
    isStreamed(x)
      ? await predictStreamed(ranks, model, engine, x, options, wanted)
      : await predictRows(ranks, model, engine, x, options, wanted),
  )
  return (list ? outputs : outputs[0]) as Out
}

async function predictRows(
  ranks: Ranks,
  model: Model,
  engine: Engine,
  x: DataSet,
  options: PredictOptions,
  wanted: readonly number[] | undefined,
): Promise<Tensor[]> {
  const { signal } = options
  const steps = options.steps ?? undefined
  const batchSize = batchSizeFor('predict', engine.topology, options.batchSize)
  const callbacks = checkCallbacks(options.callbacks, 'predict')
  const run = async () => {
    const native = engine.ready()
    const data = await runSliced(convertInputs(engine.topology, x), signal)
    const rows = data[0]?.shape[0] ?? 0
    checkRows('predict', engine.topology, rows)
    const isShared = ranks.size > 1
    if (isShared)
      await checkAlike(
        'predict',
        { 'number of rows': rows, batchSize, steps, data: fingerprint(data), weights: engine.fingerprint() },
        signal,
      )
    const call = (cancel: CancelFlag, onEvent?: (event: LoopEvent) => void) =>
      native.predict(data, batchSize, cancel, wanted && [...wanted], steps, onEvent, isShared)
    const outputs = await (callbacks.length > 0
      ? toldRun({ model, engine, callbacks, names: [], steps: batchesOf(rows, batchSize, steps), signal }, call)
      : engine.cancellable(signal, call))
    const own = outputs.map(asTensor)
    return isShared ? joined(await exchangedTensors('predict', own, signal)) : own
  }
  if (callbacks.length === 0) return await engine.queue('predict', 'callbacks', run, signal)
  return await engine.alone('predict with callbacks', run, signal)
}

/** {@link Model.predict} of rows that come one after another: piece by piece. */
async function predictStreamed(
  ranks: Ranks,
  model: Model,
  engine: Engine,
  source: Streamed,
  options: PredictOptions,
  wanted: readonly number[] | undefined,
): Promise<Tensor[]> {
  const { signal, steps, batchSize } = options
  if (model.stateful) {
    throw new SeqloomError('ERR_UNSUPPORTED', 'predict: a stateful model takes its rows at once, not one after another')
  }
  if (checkCallbacks(options.callbacks, 'predict').length > 0 || steps != null) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      'predict: of a stream, take(n) gives the first rows; there are no callbacks',
    )
  }
  const convert = async ({ x }: BatchParts) => await runSliced(convertInputs(engine.topology, x as DataSet), signal)
  const reading = { where: 'predict', inputs: engine.topology.inputs, targets: 0, batchSize, convert, signal }
  const feeder = await Feeder.of(source, reading, false, defaultBatchSize)
  if (feeder.endless) throw new SeqloomError('ERR_OPTION', 'predict: the data never end; take(n) gives the first rows')
  try {
    const alike = async () => await checkAlike('predict', { batchSize, 'number of rows': await feeder.size() }, signal)
    if (ranks.size > 1) {
      await checkAlike('predict', { data: await feeder.identity(), weights: engine.fingerprint() }, signal)
      await alike()
    }
    const pieces: Tensor[][] = []
    const own: number[] = []
    for await (const { at, tensors } of feeder.pieces({ ranks })) {
      const rows = batchSize ?? defaultBatchSize
      const call = (cancel: CancelFlag) => engine.ready().predict(tensors, rows, cancel, wanted && [...wanted])
      const outputs = await engine.queue('predict', 'callbacks', () => engine.cancellable(signal, call), signal)
      pieces.push(outputs.map(asTensor))
      own.push(at)
    }
    if (ranks.size === 1) return joined(pieces)
    await alike()
    const places = await exchanged('predict', own, signal)
    const all: Tensor[][] = []
    for (let n = 0; n < Math.max(...places.map(({ length }) => length)); n++) {
      const given = await exchangedTensors('predict', pieces[n] ?? [], signal)
      for (const [rank, outputs] of given.entries()) {
        const at = places[rank]?.[n]
        if (at !== undefined) all[at] = outputs
      }
    }
    return joined(all)
  } finally {
    feeder.close()
  }
}

/** {@link Model.predictSync} */
export function predictSync<Out extends Tensor | Tensor[]>(
  engine: Engine,
  x: DataSet,
  options: PredictSyncOptions,
  list: boolean,
): Out {
  checkPredictSync(options)
  return engine.now('predictSync', 'callbacks', () => {
    const native = engine.ready()
    const batchSize = batchSizeFor('predictSync', engine.topology, options.batchSize)
    const data = inputsAtOnce(engine.topology, x)
    checkRows('predictSync', engine.topology, data[0]?.shape[0] ?? 0)
    const outputs = callNative(() => native.predictSync(data, batchSize, options.steps ?? undefined))
    return results(outputs, list)
  })
}

/** {@link Model.session}; `list` says whether a step returns an array of outputs. */
export function session<Out extends Tensor | Tensor[]>(
  engine: Engine,
  options: SessionOptions,
  list: boolean,
): Session<Out> {
  const native = engine.now('session', 'callbacks', () => engine.ready())
  const { batchSize, steps, slots, constants } = sessionPlan(options, engine.topology)
  return new Session<Out>(
    callNative(() => native.session(batchSize, [...steps], [...constants])),
    batchSize,
    slots,
    list,
  )
}

/** {@link Model.beamSearch} */
export async function beamSearch(engine: Engine, options: BeamSearchOptions): Promise<Hypothesis[][]> {
  checkBeamSearch(options)
  return await engine.queue(
    'beamSearch',
    'callbacks',
    () => runBeamSearch(engine.ready(), engine.topology, options),
    options.signal,
  )
}

/** {@link Model.generate}, with the tokens in portions as they become ready. */
export function generate(
  engine: Engine,
  prompt: Int32Array | readonly number[],
  options: GenerateOptions,
): AsyncGenerator<Int32Array, void, void> {
  const { maxTokens, sampling, signal } = generation(options, engine.topology)
  const tokens = checkPrompt(prompt)
  const generator = engine.now('generate', 'callbacks', () =>
    callNative(() => engine.ready().generate(tokens, maxTokens, sampling)),
  )
  return portionsOf(generator, signal)
}

/** Outputs of consecutive rows as those of all; some may have none. */
function joined(parts: readonly Tensor[][]): Tensor[] {
  const found = parts.filter(({ length }) => length > 0)
  return (found[0] ?? []).map((_, at) => concatenated(found.map((part) => part[at] as Tensor)))
}

function results<Out extends Tensor | Tensor[]>(outputs: readonly NativeTensor[], list: boolean): Out {
  const tensors = outputs.map(asTensor)
  return (list ? tensors : tensors[0]) as Out
}
