import type { Callback, History } from '../../callbacks/callback.js'
import { TrainingHistory } from '../../callbacks/history.js'
import type { Dataset } from '../../data/dataset.js'
import { runSliced, type Sliced } from '../../data/slices.js'
import type { Data, Tensor } from '../../data/tensor.js'
import type { FitOptions, Functional } from '../../model/index.js'
import { adam } from '../../optimizers/index.js'
import { cosineDecay } from '../../optimizers/schedules.js'
import type { LookOptions } from '../../record/looks.js'
import type { Kept } from '../shared/division.js'
import { fitRows, trainKept } from '../shared/fitTask.js'
import type { Trainee } from '../shared/keepBest.js'
import { byLoss, type Measure, reports } from '../shared/reports.js'
import { usualEpochs } from '../shared/training.js'
import type { Unfreezing } from '../shared/unfreezing.js'
import { checkUnknown, tellUnknown, type UnknownTokens } from '../shared/unknown.js'
import { defaultEpochs } from '../shared/work.js'
import type { DecoderTraining, WriteSettings } from './options.js'
import { mixed } from './scheduledSampling.js'
import { buildUnits, type Level, type Units, type Writing } from './units.js'

/** The outputs of a model that writes, by name and index. */
export const outputs = { words: 0, alignment: 1, guess: 2 } as const

/** The parts of a trained task that writes. */
export interface DecoderParts extends Trainee {
  /** The model, which reads what it writes about and the preceding word (`previous`), and gives {@link outputs}. */
  readonly model: Functional
  /** The vocabulary that it writes in. */
  readonly target: Units
  /** The most tokens that are read of a text. */
  readonly maxLength: number
  /** The most tokens of a text that was trained on. */
  readonly longestTarget: number
}

/** Texts with their start and their end. */
export interface Framed {
  readonly previous: Int32Array[]
  readonly words: Int32Array[]
}

/** What a decoder learns from: what it writes about, by the model's inputs, and the texts. */
export interface DecoderData extends Framed {
  readonly inputs: Readonly<Record<string, Data>>
}

/** Batches of rows that come one after another, `{ x, y }` as {@link asBatch} makes them. */
export interface DecoderStream {
  readonly batches: Dataset<unknown>
  /** How many rows a pass has. */
  readonly rows: number
}

/** Rows as a batch of a stream. */
export const asBatch = ({ inputs, previous, words }: DecoderData) => ({ x: { ...inputs, previous }, y: words })

/** A text that was written. */
export interface Written {
  /** The text; tokens that were given as arrays are separated by spaces. */
  readonly text: string
  /** Its tokens. */
  readonly tokens: readonly string[]
  /** The logarithm of its probability, including that of its end. */
  readonly logProbability: number
  /** The same divided by the length penalty. */
  readonly score: number
  /** Whether it ended; false if it was cut at the maximum length. */
  readonly finished: boolean
}

/** The two tokens that follow the vocabulary: one begins every text, one ends it. */
export const boundaries = ({ size }: Units) => ({ start: size, end: size + 1 })

/** The number of tokens of a model over a vocabulary. */
export const tokenCount = ({ size }: Units): number => size + 2

/**
 * The vocabulary of texts to learn to write, and the length of the longest. Rejects with `ERR_DATA`, naming the row.
 */
export async function targetUnits(
  where: string,
  writings: readonly Writing[],
  options: { level: Level; lowercase: boolean; maxVocabulary: number; minFrequency: number; maxLength: number },
  signal: AbortSignal | undefined,
): Promise<Pick<DecoderParts, 'target' | 'longestTarget'>> {
  const { maxLength, ...build } = options
  const target = await buildUnits(where, writings, build, signal)
  const ids = await target.encode(where, writings, { maxLength, signal })
  return { target, longestTarget: ids.reduce((most, each) => Math.max(most, each.length), 1) }
}

/** Texts as a decoder reads and writes them. Rejects with `ERR_DATA`, naming the row. */
export async function framed(
  where: string,
  { target, maxLength }: DecoderParts,
  writings: readonly Writing[],
  signal: AbortSignal | undefined,
): Promise<Framed> {
  return await runSliced(inFrames(target, await target.encode(where, writings, { maxLength, signal })), signal)
}

function* inFrames(target: Units, ids: readonly Int32Array[]): Sliced<Framed> {
  const { start, end } = boundaries(target)
  const [previous, words]: [Int32Array[], Int32Array[]] = [[], []]
  for (const row of ids) {
    previous.push(Int32Array.of(start, ...row))
    words.push(Int32Array.of(...row, end))
    yield
  }
  return { previous, words }
}

const withoutEnds = (rows: readonly Int32Array[]) => rows.map((row) => row.subarray(0, -1))

/** {@link checkUnknown} of texts that a model is to learn to write. */
export function checkUnknownWritten(where: string, { words }: Framed, training: WrittenTokens): void {
  checkUnknown(where, training.parts.target, withoutEnds(words), training)
}

/** What a training of a decoder is, as to the tokens that its vocabulary lacks. */
type WrittenTokens = UnknownTokens & { readonly parts: DecoderParts }

/** Warns if texts to be written that a training measures on are mostly unknown tokens. */
export function tellUnknownWritten(where: string, target: Units, what: string, { words }: Framed): void {
  tellUnknown(where, target, withoutEnds(words), `${what} of the validation part`)
}

/** The loss of tokens, without what layers add. */
const tokenLoss: Measure = (logs, part) => {
  const perplexity = logs[`${part}words_perplexity`]
  return perplexity === undefined ? undefined : { loss: Math.log(perplexity) }
}

/** How a decoder is trained. */
export interface DecoderRun extends Omit<DecoderTraining, 'validationData'>, Partial<Kept> {
  /** What callbacks can show of the model besides its gradients. */
  readonly looks?: LookOptions
  /** What is trained only from some epoch on. */
  readonly unfreezing?: Unfreezing | undefined
}

/** Compiles a decoder with Adam, trains it, teacher forced, and puts the kept epoch's weights back, however the training ends. */
export async function trainDecoder(
  parts: DecoderParts,
  data: DecoderData | DecoderStream,
  held: DecoderData | undefined,
  options: DecoderRun,
  seed: number,
): Promise<History> {
  const { model } = parts
  const rows = 'rows' in data ? data.rows : data.words.length
  const { batchSize, epochs = defaultEpochs(usualEpochs, rows, batchSize), unfreezing } = options
  const settings = { ...options, epochs }
  const steps = epochs * Math.ceil(rows / batchSize)
  const { learningRate = cosineDecay({ initialLearningRate: 2e-3, decaySteps: steps }) } = settings
  const optimizer = adam({ learningRate, globalClipNorm: 1 })
  return await trainKept(parts, settings, {
    unfreezing,
    compile: () =>
      model.compile({ optimizer, loss: ['sparseCategoricalCrossentropy', null, null], metrics: ['perplexity'] }),
    callbacksFor: (best) => [reports(rows, settings, best, byLoss, tokenLoss)],
    run: (range, callbacks) => runEpochs(model, data, held, { ...settings, callbacks, range }, seed),
  })
}

/** A decoder's training of some of all its epochs. */
interface DecoderRange extends Pick<DecoderTraining, 'batchSize' | 'scheduledSampling' | 'signal'> {
  readonly epochs: number
  readonly range: Pick<FitOptions, 'epochs' | 'initialEpoch'>
  readonly callbacks: readonly Callback[]
}

/** Trains epochs of a range; with scheduled sampling one by one, since each epoch has different inputs. */
async function runEpochs(
  model: Functional,
  data: DecoderData | DecoderStream,
  held: DecoderData | undefined,
  { epochs, range, batchSize, scheduledSampling, signal, callbacks }: DecoderRange,
  seed: number,
): Promise<History> {
  const options = {
    ...{ batchSize, callbacks, bucketByLength: true },
    ...(held && { validationData: [{ ...held.inputs, previous: held.previous }, held.words] as const }),
    ...(signal && { signal }),
  }
  if ('rows' in data) return await fitRows(model, data.batches, undefined, { ...options, ...range })
  const { inputs, previous, words } = data
  if (scheduledSampling === 0) return await model.fit({ ...inputs, previous }, words, { ...options, ...range })
  const whole = new TrainingHistory()
  const { initialEpoch: first = 0, epochs: end = epochs } = range
  for (let epoch = first; epoch < end && !(epoch > first && model.stopTraining); epoch++) {
    const share = epochs === 1 ? scheduledSampling : (scheduledSampling * epoch) / (epochs - 1)
    let read = previous
    if (share > 0) {
      const [guesses] = await model.predictOutputs({ ...inputs, previous }, [outputs.guess], {
        batchSize,
        ...(signal && { signal }),
      })
      if (guesses) read = mixed(previous, guesses, share, seed + epoch)
    }
    const own = { initialEpoch: epoch, epochs: epoch + 1 }
    whole.append(await model.fit({ ...inputs, previous: read }, words, { ...options, ...own }))
  }
  return whole
}

/** The mean of −log of a token's probability given the preceding true tokens, and e to the power of that. */
export async function measureDecoder(
  model: Functional,
  { inputs, previous, words }: DecoderData,
  signal: AbortSignal | undefined,
): Promise<{ readonly loss: number; readonly perplexity: number }> {
  // The loss itself may include what layers add to it.
  const [, perplexity = Number.NaN] = await model.evaluate({ ...inputs, previous }, words, {
    batchSize: 64,
    ...(signal && { signal }),
  })
  return { loss: Math.log(perplexity), perplexity }
}

/**
 * Writes a text for each row of the inputs, the best one first, by beam search. `show` adds what is to be shown of each
 * alignment, and may replace tokens.
 */
export async function write<Shown>(
  { model, target, longestTarget }: DecoderParts,
  inputs: DecoderData['inputs'],
  { beamWidth, nBest, lengthPenalty, alignments, maxLength, signal }: WriteSettings,
  show: (row: number, tokens: string[], alignments: Tensor) => Shown,
): Promise<(Written & Partial<Shown> & { readonly alternatives?: readonly (Written & Partial<Shown>)[] })[]> {
  const { start, end } = boundaries(target)
  const found = await model.beamSearch({
    ...{ constants: inputs, start, end, beamWidth, nBest, lengthPenalty, alignments },
    maxLength: maxLength ?? Math.ceil(1.5 * longestTarget),
    exclude: [0, start, ...(target.unknownId === undefined ? [] : [target.unknownId])],
    ...(signal && { signal }),
  })
  return found.map((hypotheses, row) => {
    const texts = hypotheses.map(({ tokens: ids, logProbability, score, finished, alignments: weights }) => {
      const tokens = Array.from(ids, (id) => target.token(id))
      const before = tokens.join('\0')
      const shown = (weights ? show(row, tokens, weights) : {}) as Partial<Shown>
      // `show` may have replaced tokens.
      const text = tokens.join('\0') === before ? target.decode(ids) : target.join(tokens)
      const written: Written = { text, tokens, logProbability, score, finished }
      return { ...written, ...shown }
    })
    const [first, ...alternatives] = texts
    return { ...(first as Written & Partial<Shown>), ...(nBest > 1 && { alternatives }) }
  })
}
