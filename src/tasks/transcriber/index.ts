import type { History } from '../../callbacks/callback.js'
import type { Dataset } from '../../data/dataset.js'
import { runSliced, runSync } from '../../data/slices.js'
import { isStreamed } from '../../data/sources.js'
import type { Tensor, TensorLike } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import { ctc, transducer } from '../../losses/index.js'
import type { Session } from '../../model/session.js'
import { adam } from '../../optimizers/index.js'
import { cosineDecay } from '../../optimizers/schedules.js'
import { checkOptions, integer } from '../../options.js'
import { ctcDecodeAsync } from '../../text/ctcDecode.js'
import { characterErrorRate, wordErrorRate } from '../../text/editDistance.js'
import type { PrefixScores, Transcript } from '../../text/transcripts.js'
import { transducerDecode, transducerStream } from '../../text/transducerDecode.js'
import { buildUnits, checkAlike, type Units, type Writing } from '../decoding/units.js'
import type { TrainTranscriberOptions, TranscribeOptions, TranscriberOptions } from '../optionTypes.js'
import { answersFor } from '../shared/answers.js'
import { defaultSplit, divide } from '../shared/division.js'
import { fitRows, throwIfAborted } from '../shared/fitTask.js'
import { keepBest } from '../shared/keepBest.js'
import { byLoss, reports } from '../shared/reports.js'
import { checkList, type RowStream, type Rows, withRows } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import { batchesOf, survey } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import { defaultEpochs } from '../shared/work.js'
import { transcriberModel } from './model.js'
import {
  type LanguageModel,
  type TranscriberSettings,
  type TranscriberTraining,
  type TranscribeSettings,
  trainTranscriberOptions,
  transcriberOptions,
  transcriberSettings,
  transcriberTraining,
  transcribeSettings,
  usualTranscriberEpochs,
} from './options.js'
import { type Frames, keyOf, readFrames, readRows, type TranscriptionRow } from './rows.js'
import { saving, type TranscriberParts } from './saved.js'
import { scalingOf, stepCount, stepsOf } from './steps.js'
import { bestPath, TranscriptStream, unwritten } from './stream.js'

export type { LanguageModel } from './options.js'
export type { Frames, TranscriptionRow } from './rows.js'
export type { TranscriptStream } from './stream.js'

/** What a transcriber reads in frames. */
export interface Transcription {
  readonly text: string
  /** The tokens of the text, and the frame at which each begins. */
  readonly tokens: readonly { readonly token: string; readonly frame: number }[]
  /** The natural logarithm of the text's probability, plus what a language model and insertion bonuses add. */
  readonly score: number
  /** With `nBest` above 1: the next best ones. */
  readonly alternatives?: readonly Transcription[]
}

/** How well a transcriber does on frames with known texts. */
export interface TranscriptionEvaluation {
  /** The mean of −log of a text's probability; 0 for a text that needs more steps than there are. */
  readonly loss: number
  /** The characters to insert, delete or replace, as a share of those of the known texts; see `text.characterErrorRate`. */
  readonly characterErrorRate: number
  /** The same of words. */
  readonly wordErrorRate: number
  /** The share of texts that are exactly right. */
  readonly exactMatch: number
  /** The number of rows. */
  readonly count: number
}

/**
 * Learns to write what sequences of frames say, such as the features of speech or the strokes of a pen, from the texts
 * alone: where in the frames a character is need not be known (connectionist temporal classification, Graves et al.
 * 2006; with `method: 'transducer'` an RNN transducer, Graves 2012). Features are scaled to a mean of 0 and a deviation
 * of 1.
 *
 * ```ts
 * const transcriber = new tasks.Transcriber({ stackFrames: 2 })
 * await transcriber.train([{ frames: [[0.1, 0.7], [0.3, 0.2], …], text: 'seven' }, …])
 * const [{ text, tokens }] = await transcriber.transcribe([frames], { beamWidth: 8 })
 * ```
 */
export class Transcriber extends ServedTask<TranscriberParts, TranscriberSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [transcriberOptions, trainTranscriberOptions] as const

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TranscriberOptions = {}) {
    super(saving, transcriberSettings(options))
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<Transcriber> {
    return new Transcriber().restored(directory)
  }

  /** The tokens that it writes, by their ids in a `languageModel`'s prefixes; `ERR_STATE` before training. */
  get tokens(): readonly string[] {
    return tokensOf(this.parts('tokens').target)
  }

  /**
   * Trains on frames with their texts and returns the losses of the epochs. The vocabulary is built from the training
   * part only. A transcriber that already has a model continues from its weights and vocabulary; meanwhile a copy of
   * its earlier state answers other calls, and a training that fails leaves it as it was. Rows may come one after
   * another, and be more than fit into memory: one pass finds what is learned of all of them, each epoch is another.
   *
   * Rejects with `ERR_DATA` for bad rows, also for a text that needs more steps than its frames make (naming the row),
   * `ERR_OPTION`, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError when the signal aborts.
   */
  async train(rows: Rows<TranscriptionRow>, options: TrainTranscriberOptions<TranscriptionRow> = {}): Promise<History> {
    const settings = transcriberTraining(this.where('train'), options)
    return await this.learnRows(rows, settings, {
      small: (...given) => this.#prepare(...given),
      large: (...given) => this.#prepareLarge(...given),
    })
  }

  /**
   * Writes what frames say. Rejects with `ERR_STATE` before training, with `ERR_DATA` for anything but frames with as
   * many features as those of the training, naming the position, and with `ERR_OPTION`. For frames that come one after
   * another, sequence by sequence, it gives a data set of transcriptions, in the same order, which are made as they are
   * read.
   */
  transcribe(frames: readonly Frames[], options?: TranscribeOptions): Promise<Transcription[]>
  transcribe(frames: RowStream<Frames>, options?: TranscribeOptions): Dataset<Transcription>
  transcribe(frames: Rows<Frames>, options: TranscribeOptions = {}): Promise<Transcription[]> | Dataset<Transcription> {
    if (!isStreamed(frames)) return this.#transcribeAll(frames as readonly Frames[], options)
    const stream = frames as RowStream<Frames>
    return answersFor(this.where('transcribe'), stream, (some) => this.#transcribeAll(some, options))
  }

  async #transcribeAll(frames: readonly Frames[], options: TranscribeOptions): Promise<Transcription[]> {
    return await this.use('transcribe', async (parts, where) => {
      const settings = transcribeSettings(where, options)
      checkList(where, 'frames', frames)
      const read = await runSliced(readFrames(`${where}: row`, frames, parts.scaling.mean.length), settings.signal)
      return await this.#written(where, parts, read.rows, settings)
    })
  }

  /**
   * Measures on frames with known texts. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows,
   * naming the row.
   */
  async evaluate(
    all: Rows<TranscriptionRow>,
    options: Omit<TranscribeOptions, 'nBest'> = {},
  ): Promise<TranscriptionEvaluation> {
    const { signal } = transcribeSettings(this.where('evaluate'), options)
    return await withRows(this.where('evaluate'), all, signal, (rows) => this.#measure(rows, options))
  }

  async #measure(rows: readonly TranscriptionRow[], options: TranscribeOptions): Promise<TranscriptionEvaluation> {
    return await this.use('evaluate', async (parts, where) => {
      const settings = transcribeSettings(where, options)
      const { signal, batchSize } = settings
      const read = await runSliced(readRows(where, rows, parts.scaling.mean.length), signal)
      checkAlike(`${where}: row`, read.texts, parts.target)
      const [x, y] = await this.#examples(where, parts, read.rows, read.texts, signal)
      const [loss = Number.NaN] = await parts.model.evaluate(x, y, { batchSize, ...(signal && { signal }) })
      const found = await this.#written(where, parts, read.rows, settings)
      const cased = (text: string) => (this.settings.lowercase ? text.toLowerCase() : text)
      const references = read.texts.map((text) => cased(typeof text === 'string' ? text : text.join(' ')))
      const texts = found.map(({ text }) => text)
      return {
        loss,
        characterErrorRate: characterErrorRate(texts, references),
        wordErrorRate: wordErrorRate(texts, references),
        exactMatch: texts.filter((text, row) => text === references[row]).length / rows.length,
        count: rows.length,
      }
    })
  }

  /**
   * Transcribes frames as they come. `beamWidth` (default 1, the most probable tokens) is how many texts a transducer
   * keeps at each step; what they do not have in common is not final yet. Rejects with `ERR_STATE` before training, with
   * `ERR_OPTION`, and with `ERR_UNSUPPORTED` for a bidirectional transcriber, which needs all frames first, and for a beam
   * of `method: 'ctc'`.
   */
  async stream(options: Pick<TranscribeOptions, 'beamWidth'> = {}): Promise<TranscriptStream> {
    return await this.use('stream', async ({ model, target, scaling }, where) => {
      checkOptions(where, options, { accepted: { beamWidth: integer(1, 1024) } })
      const { beamWidth = 1 } = options
      const { method } = this.settings
      if (method === 'ctc' && beamWidth > 1) {
        throw new SeqloomError(
          'ERR_UNSUPPORTED',
          `${where}: with method 'ctc' it writes the most probable token of each step, so beamWidth must be 1, not ${beamWidth}; train one with method: 'transducer' for a beam`,
        )
      }
      if (this.settings.bidirectional) {
        throw new SeqloomError(
          'ERR_UNSUPPORTED',
          `${where}: it reads in both directions, so it needs all frames first; train one with bidirectional: false`,
        )
      }
      const blank = target.size
      const reader =
        method === 'ctc'
          ? bestPath(model.session() as Session<Tensor>, target)
          : transducerStream(model, { blank, beamWidth, exclude: unwritten(target) })
      return new TranscriptStream({ reader, target, scaling, stack: this.settings.stackFrames })
    })
  }

  async #prepare(
    where: string,
    rows: readonly TranscriptionRow[],
    validationData: readonly TranscriptionRow[] | undefined,
    settings: TranscriberTraining,
    known: TranscriberParts | undefined,
  ): Promise<Training<TranscriberParts, History>> {
    const { signal } = settings
    const { seed } = this.settings
    const read = await runSliced(readRows(where, rows, known?.scaling.mean.length), signal)
    const { features } = read
    checkAlike(`${where}: row`, read.texts, known?.target)
    const apart =
      validationData && (await runSliced(readRows(`${where}: validationData`, validationData, features), signal))
    if (apart) checkAlike(`${where}: validationData: row`, apart.texts, known?.target)
    const keys = (some: readonly Float32Array[]) => some.map((frames) => ({ key: keyOf(frames), classes: [] }))
    const division = divide(where, keys(read.rows), apart && keys(apart.rows), settings, seed)
    const of = <T>(list: readonly T[], some: readonly number[]) => some.map((row) => list[row] as T)
    const training = [...division.training].sort((a, b) => a - b)
    const [frames, texts] = [of(read.rows, training), of(read.texts, training)]
    const parts = known ?? (await this.#create(where, features, frames, texts, signal))
    const [x, y] = await this.#examples(where, parts, frames, texts, signal)
    this.#checkSteps(where, features, frames, y, (at) => `row ${training[at]}`)
    const held = apart ?? { rows: of(read.rows, division.validation), texts: of(read.texts, division.validation) }
    const measured =
      held.rows.length > 0
        ? await this.#examples(`${where}: validationData`, parts, held.rows, held.texts, signal)
        : undefined
    throwIfAborted(signal)
    const { method } = this.settings
    return {
      parts,
      run: () => fitTranscriber(parts, { x, y, rows: y.length }, measured, { ...settings, ...division.kept, method }),
    }
  }

  async #prepareLarge(
    where: string,
    all: Dataset<TranscriptionRow>,
    given: readonly TranscriptionRow[] | undefined,
    settings: TranscriberTraining,
    known: TranscriberParts | undefined,
  ): Promise<Training<TranscriberParts, History>> {
    const { signal, batchSize, validationSplit = defaultSplit } = settings
    const { seed, method } = this.settings
    let features = known?.scaling.mean.length
    let like: Writing | undefined
    const read = (place: string, rows: readonly TranscriptionRow[]) => readRows(place, rows, features)
    const surveyed = await survey(all, {
      check: (rows) => {
        const found = runSync(read(where, rows))
        features ??= found.features
        like ??= found.texts[0]
        checkAlike(`${where}: row`, found.texts, known?.target ?? like)
      },
      keyOf: (row) => keyOf(runSync(read(where, [row])).rows[0] as Float32Array),
      ...{ given, share: validationSplit, seed, signal },
    })
    const width = features as number
    const sample = await runSliced(read(where, surveyed.sample), signal)
    const parts = known ?? (await this.#create(where, width, sample.rows, sample.texts, signal))
    const made = async (place: string, rows: readonly TranscriptionRow[]) => {
      const some = await runSliced(read(place, rows), signal)
      const [x, y] = await this.#examples(place, parts, some.rows, some.texts, signal)
      this.#checkSteps(place, width, some.rows, y, (at) => `the row of ${describe(some.texts[at])}`)
      return [x, y] as const
    }
    const validation = surveyed.held
    const held = validation.length > 0 ? await made(`${where}: validationData`, validation) : undefined
    const lengthOf = ({ text }: TranscriptionRow) => text.length
    const batches = batchesOf(surveyed, { batchSize, seed, lengthOf }, async (rows) => {
      const [x, y] = await made(where, rows)
      return { x, y }
    })
    const data = { batches, rows: surveyed.rows }
    return { parts, run: () => fitTranscriber(parts, data, held, { ...settings, method }) }
  }

  /** Throws `ERR_DATA`, naming the row, for a text that needs more steps than its frames make. */
  #checkSteps(
    where: string,
    features: number,
    frames: readonly Float32Array[],
    y: readonly Int32Array[],
    name: (at: number) => string,
  ): void {
    const { stackFrames, method } = this.settings
    for (const [at, ids] of method === 'ctc' ? y.entries() : []) {
      const [steps, needed] = [stepCount(frames[at] as Float32Array, features, stackFrames), stepsFor(ids)]
      if (needed <= steps) continue
      const stacked = stackFrames > 1 ? ` (${stackFrames} frames each)` : ''
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: ${name(at)} has a text of ${ids.length} tokens, which needs ${needed} steps, but its frames make ${steps}${stacked}`,
      )
    }
  }

  async #create(
    where: string,
    features: number,
    frames: readonly Float32Array[],
    texts: readonly Writing[],
    signal: AbortSignal | undefined,
  ): Promise<TranscriberParts> {
    const { lowercase, maxVocabulary, minFrequency, tokenizer: level } = this.settings
    const limits = { level, lowercase, maxVocabulary, minFrequency }
    const target = await buildUnits(`${where}: row`, texts, limits, signal)
    const scaling = await runSliced(scalingOf(frames, features), signal)
    return { model: transcriberModel(this.settings, features, target.size + 1), target, scaling }
  }

  /** Frames and ids of texts as the model learns from them. */
  async #examples(
    where: string,
    { target, scaling }: TranscriberParts,
    frames: readonly Float32Array[],
    texts: readonly Writing[],
    signal: AbortSignal | undefined,
  ): Promise<Examples> {
    const x = await runSliced(stepsOf(where, frames, scaling, this.settings.stackFrames), signal)
    const y = await target.encode(`${where}: row`, texts, { maxLength: Number.MAX_SAFE_INTEGER, signal })
    // A transducer's predictor reads a blank and then the text.
    return [this.settings.method === 'ctc' ? x : [x, y.map((ids) => Int32Array.of(target.size, ...ids))], y]
  }

  async #written(
    where: string,
    { model, target, scaling }: TranscriberParts,
    frames: readonly Float32Array[],
    settings: TranscribeSettings,
  ): Promise<Transcription[]> {
    const { stackFrames } = this.settings
    const { batchSize, signal, languageModel, nBest, languageModelWeight, insertionBonus, beamWidth } = settings
    const scores = languageModel && (await scoresOf(where, languageModel, target))
    const written = ({ labels, times, score, alternatives }: Transcript): Transcription => ({
      text: target.decode(Int32Array.from(labels)),
      tokens: labels.map((id, at) => ({ token: target.token(id), frame: (times[at] as number) * stackFrames })),
      score,
      ...(alternatives && { alternatives: alternatives.map(written) }),
    })
    const found: Transcription[] = []
    for (let from = 0; from < frames.length; from += batchSize) {
      const some = frames.slice(from, from + batchSize)
      const x = await runSliced(stepsOf(where, some, scaling, stackFrames), signal)
      const options = {
        ...{ blank: target.size, nBest, insertionBonus },
        ...(beamWidth !== undefined && { beamWidth }),
        ...(scores && { languageModel: scores, languageModelWeight }),
        ...(signal && { signal }),
      }
      if (this.settings.method === 'transducer') {
        const transcripts = await transducerDecode(model, x, { ...options, batchSize, exclude: unwritten(target) })
        found.push(...transcripts.map(written))
        continue
      }
      const logits = (await model.predict(x, { batchSize, ...(signal && { signal }) })) as Tensor<Float32Array>
      without(logits.data, target)
      found.push(...(await ctcDecodeAsync(logits, options)).map(written))
    }
    return found
  }
}

/** The steps that a text needs: one for each token, and one more between equal ones. */
const stepsFor = (ids: Int32Array): number => ids.length + ids.filter((id, at) => at > 0 && id === ids[at - 1]).length

/** Makes sure that what is no text, padding and unknown tokens, is never written. */
function without(logits: Float32Array, target: Units): void {
  const never = unwritten(target)
  for (let at = 0; at < logits.length; at += target.size + 1) for (const id of never) logits[at + id] = -1e9
}

const tokensOf = (target: Units): string[] => Array.from({ length: target.size }, (_, id) => target.token(id))

/** A language model as a function of the ids of tokens. */
async function scoresOf(
  where: string,
  languageModel: LanguageModel,
  target: Units,
): Promise<PrefixScores<PromiseLike<readonly ArrayLike<number>[]>>> {
  if (typeof languageModel === 'function') return async (prefixes) => await languageModel(prefixes)
  const { tokenizer } = languageModel
  const unknown = tokenizer.unknownId
  const known = tokensOf(target).map((token) => tokenizer.tokenToId(token))
  if (known.filter((id) => id !== undefined && id !== unknown).length < known.length / 2) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: languageModel has other tokens: of the ${known.length} tokens here it knows ${known.filter((id) => id !== undefined).length}; train it on characters`,
    )
  }
  return async (prefixes) => {
    const texts = prefixes.map((labels) => target.decode(Int32Array.from(labels)))
    const rows = await languageModel.nextProbabilities(texts)
    // A score for the blank, which is not read, comes last.
    return rows.map((row) => [...known.map((id) => Math.log((row[id ?? unknown ?? 0] as number) + 1e-10)), 0])
  }
}

/** What the model reads, and the ids of texts. */
type Examples = readonly [x: TensorLike | readonly [TensorLike, readonly Int32Array[]], y: readonly Int32Array[]]

/** All rows as the model learns from them. */
interface TranscriberData {
  readonly x: Examples[0]
  readonly y: Examples[1]
  readonly rows: number
}

/** Compiles the model, trains it, and restores the kept epoch's weights, however the training ends. */
async function fitTranscriber(
  parts: TranscriberParts,
  data: TranscriberData | { readonly batches: Dataset<unknown>; readonly rows: number },
  held: Examples | undefined,
  options: TranscriberTraining & Parameters<typeof keepBest>[1] & Pick<TranscriberSettings, 'method'>,
): Promise<History> {
  const { model, target } = parts
  const { rows } = data
  const { batchSize, signal, epochs = defaultEpochs(usualTranscriberEpochs, rows, batchSize) } = options
  const settings = { ...options, epochs }
  const decaySteps = epochs * Math.ceil(rows / batchSize)
  const { learningRate = cosineDecay({ initialLearningRate: 3e-3, decaySteps }) } = settings
  const lossOf = options.method === 'ctc' ? ctc : transducer
  model.compile({
    optimizer: adam({ learningRate, globalClipNorm: 1 }),
    loss: lossOf({ blank: target.size, zeroInfinity: true }),
  })
  return await keepBest(
    parts,
    settings,
    (best) => [reports(rows, settings, best, byLoss)],
    (callbacks) =>
      fitRows(model, 'y' in data ? data.x : data.batches, 'y' in data ? data.y : undefined, {
        ...{ epochs, batchSize, callbacks, bucketByLength: true },
        ...(held && { validationData: held }),
        ...(signal && { signal }),
      }),
  )
}
