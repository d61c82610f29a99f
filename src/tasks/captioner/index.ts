import type { History } from '../../callbacks/callback.js'
import { allocated } from '../../data/allocated.js'
import type { Dataset } from '../../data/dataset.js'
import { runSliced, runSync, type Sliced } from '../../data/slices.js'
import { isStreamed } from '../../data/sources.js'
import { sizeOf, type TensorLike } from '../../data/tensor.js'
import { SeqloomError } from '../../errors.js'
import {
  asBatch,
  checkUnknownWritten,
  type DecoderData,
  framed,
  measureDecoder,
  targetUnits,
  tellUnknownWritten,
  trainDecoder,
  type Written,
  write,
} from '../decoding/decoder.js'
import {
  checkLarge,
  type DecoderTraining,
  decoderTraining,
  trainDecoderOptions,
  writeSettings,
} from '../decoding/options.js'
import { scores, type WrittenScores } from '../decoding/scores.js'
import { checkAlike, type Writing } from '../decoding/units.js'
import type { CaptionerOptions } from '../optionTypes.js'
import { answersFor } from '../shared/answers.js'
import { defaultSplit, divide } from '../shared/division.js'
import { throwIfAborted } from '../shared/fitTask.js'
import { checkList, type RowStream, type Rows, withRows } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import { rowsByKey, type SplitRow } from '../shared/split.js'
import { batchesOf, survey } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import { type AttentionMap, attentionMap } from './attentionMaps.js'
import { attentionPicture } from './attentionPicture.js'
import { type Annotations, type Image, type Raw, readSeen, type Seen, transfer } from './images.js'
import { captionerModel } from './model.js'
import {
  type CaptionerSettings,
  type CaptionOptions,
  captionerOptions,
  captionerSettings,
  type TrainCaptionerOptions,
} from './options.js'
import { type PatchGrid, patchGrid, tile, tiledShape } from './patches.js'
import { type CaptionRow, type ReadRows, readCaptionRows } from './rows.js'
import { type CaptionerParts, saving } from './saved.js'

export type { AttentionMap } from './attentionMaps.js'
export type { Annotations, Image, Picture } from './images.js'
export type { CaptionOptions, TrainCaptionerOptions } from './options.js'
export type { PatchGrid } from './patches.js'
export type { CaptionRow } from './rows.js'

/** The caption of an image. */
export interface Caption extends Written {
  /** With `alignments`: where the captioner looked, for each token. */
  readonly attention?: readonly AttentionMap[]
  /** With `nBest` above 1: the next best captions. */
  readonly alternatives?: readonly Caption[]
}

/** How well a captioner does on images with known captions. */
export interface CaptionEvaluation extends WrittenScores {
  /** The mean of −log of a caption token's probability, given the preceding true tokens. */
  readonly loss: number
  /** e to the loss. */
  readonly perplexity: number
}

/** The number of images that are described at once: each takes memory for every hypothesis. */
const together = 64

/**
 * Learns to describe images (Show, Attend and Tell, arXiv 1502.03044). An image is cut into patches, each patch becomes
 * an annotation vector, and a decoder looks at some of them for every word. Annotation vectors from another network can
 * be given instead of images.
 *
 * ```ts
 * const captioner = new tasks.Captioner({ patchSize: 16 })
 * await captioner.train([{ image: { data, width: 64, height: 64 }, caption: 'a red square' }, …])
 * const [{ text, attention }] = await captioner.caption([image], { alignments: true })
 * ```
 */
export class Captioner extends ServedTask<CaptionerParts, CaptionerSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [captionerOptions, trainDecoderOptions] as const

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: CaptionerOptions = {}) {
    super(saving, captionerSettings(options))
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<Captioner> {
    return new Captioner().restored(directory)
  }

  /** The size of the images that it takes; undefined for annotations. `ERR_STATE` before training. */
  get imageSize(): { readonly height: number; readonly width: number; readonly channels: number } | undefined {
    const { grid, shape } = this.parts('imageSize')
    const [height, width, channels] = shape as [number, number, number]
    return grid && { height, width, channels }
  }

  /** How images are cut into patches; undefined for annotations. `ERR_STATE` before training. */
  get patches(): PatchGrid | undefined {
    return this.parts('patches').grid
  }

  /**
   * Trains on images with captions, all of one size, with teacher forcing, and returns the losses of the epochs. The
   * vocabulary is built from the training part only. A captioner that already has a model continues from its weights
   * and vocabulary; meanwhile a copy of its earlier state answers other calls, and a training that fails leaves it as
   * it was. Rows may come one after another, and be more than fit into memory: one pass finds what is learned of all of
   * them, each epoch is another.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, `ERR_STATE` while another
   * training runs, and an AbortError when the signal aborts.
   */
  async train(rows: Rows<CaptionRow>, options: TrainCaptionerOptions = {}): Promise<History> {
    const settings = decoderTraining(this.where('train'), '{ image, caption }', options)
    return await this.learnRows(rows, settings, {
      small: (...given) => this.#prepare(...given),
      large: (...given) => this.#prepareLarge(...given),
    })
  }

  /**
   * Writes captions for images (or annotations, if it was trained on them) by beam search. Rejects with `ERR_STATE`
   * before training, with `ERR_DATA` for anything but an image of the trained size, naming the position, and with
   * `ERR_OPTION`. For images that come one after another it gives a data set of captions, in the same order, which are
   * made as they are read.
   */
  caption(images: readonly (Image | Annotations)[], options?: CaptionOptions): Promise<Caption[]>
  caption(images: RowStream<Image | Annotations>, options?: CaptionOptions): Dataset<Caption>
  caption(images: Rows<Image | Annotations>, options: CaptionOptions = {}): Promise<Caption[]> | Dataset<Caption> {
    if (!isStreamed(images)) return this.#captionAll(images as readonly Image[], options)
    return answersFor(this.where('caption'), images as RowStream<Image>, (some) => this.#captionAll(some, options))
  }

  async #captionAll(images: readonly (Image | Annotations)[], options: CaptionOptions): Promise<Caption[]> {
    return await this.use('caption', async (parts, where) => {
      const { kind, shape } = parts
      const settings = writeSettings(where, options)
      checkList(where, kind === 'image' ? 'images' : 'annotations', images)
      const name = kind === 'image' ? 'image' : 'row'
      const seen = await runSliced(readSeen(`${where}: ${name}`, kind, images, shape), settings.signal)
      return await captionsOf(
        parts,
        seen,
        images.map((_, row) => row),
        settings,
      )
    })
  }

  /**
   * Measures on images with known captions: the rows of one image are its references together. Rejects with `ERR_STATE`
   * before training and with `ERR_DATA` for bad rows, naming the row.
   */
  async evaluate(
    all: Rows<CaptionRow>,
    options: Omit<CaptionOptions, 'nBest' | 'alignments'> = {},
  ): Promise<CaptionEvaluation> {
    const { signal } = writeSettings(this.where('evaluate'), options)
    return await withRows(this.where('evaluate'), all, signal, (rows) => this.#measure(rows, options))
  }

  async #measure(rows: readonly CaptionRow[], options: CaptionOptions): Promise<CaptionEvaluation> {
    return await this.use('evaluate', async (parts, where) => {
      const settings = writeSettings(where, options)
      const read = await runSliced(readCaptionRows(where, rows, parts), settings.signal)
      const all = rows.map((_, row) => row)
      const data = await examples(`${where}: the caption of row`, parts, read, all, settings.signal)
      const measured = await measureDecoder(parts.model, data, settings.signal)
      const groups = rowsByKey(read.seen.keys)
      const captions = await captionsOf(
        parts,
        read.seen,
        groups.map((group) => group[0] as number),
        settings,
      )
      const references = groups.map((group) => ({ targets: group.map((row) => read.captions[row] as Writing) }))
      const texts = captions.map(({ text }) => text)
      return { ...measured, ...scores(parts.target, references, texts) }
    })
  }

  /**
   * A picture (SVG) of where the captioner looked: the image, repeated for each token of its caption and veiled where
   * it looked less. Rejects with `ERR_OPTION` for a caption that was written without `alignments`, `ERR_DATA` for an
   * image of another size, and `ERR_UNSUPPORTED` for annotations, which have no picture.
   */
  async attentionPicture(image: Image, caption: Caption): Promise<string> {
    const where = this.where('attentionPicture')
    const { grid, shape } = this.parts('attentionPicture')
    if (!grid)
      throw new SeqloomError('ERR_UNSUPPORTED', `${where}: it was trained on annotations, which are no pictures`)
    const { attention } = caption
    const fits = attention?.every(({ weights }) => weights.length === grid.rows && weights[0]?.length === grid.columns)
    if (!attention || !fits) {
      throw new SeqloomError('ERR_OPTION', `${where}: give a caption that this captioner wrote with alignments: true`)
    }
    const { raws } = await runSliced(readSeen(`${where}: image`, 'image', [image], shape))
    const values = allocated(where, Float32Array, sizeOf(shape))
    transfer(raws[0] as Raw, values)
    return await attentionPicture(values, shape, grid, attention)
  }

  async #prepare(
    where: string,
    rows: readonly CaptionRow[],
    validationData: readonly CaptionRow[] | undefined,
    settings: DecoderTraining<CaptionRow>,
    known: CaptionerParts | undefined,
  ): Promise<Training<CaptionerParts, History>> {
    const { signal } = settings
    const { seed } = this.settings
    const read = await runSliced(readCaptionRows(where, rows, known), signal)
    checkAlike(`${where}: the caption of row`, read.captions, known?.target)
    const expected = { kind: read.kind, shape: read.seen.shape }
    const apart =
      validationData && (await runSliced(readCaptionRows(`${where}: validationData`, validationData, expected), signal))
    const division = divide(where, splitRows(read), apart && splitRows(apart), settings, seed)
    const inOrder = (some: readonly number[]) => [...some].sort((a, b) => a - b)
    const training = inOrder(division.training)
    const parts = known ?? (await this.#create(read, training, signal))
    const data = await examples(`${where}: the caption of row`, parts, read, training, signal)
    checkUnknownWritten(where, data, { ...settings, parts, further: known !== undefined, of: 'the captions' })
    const [from, held] = apart ? [apart, apart.captions.map((_, row) => row)] : [read, inOrder(division.validation)]
    const place = `${where}: validationData: the caption of row`
    const measured = held.length > 0 ? await examples(place, parts, from, held, signal) : undefined
    if (measured) tellUnknownWritten(where, parts.target, 'the captions', measured)
    throwIfAborted(signal)
    return { parts, run: () => trainDecoder(parts, data, measured, { ...settings, ...division.kept }, seed) }
  }

  async #prepareLarge(
    where: string,
    all: Dataset<CaptionRow>,
    given: readonly CaptionRow[] | undefined,
    settings: DecoderTraining<CaptionRow>,
    known: CaptionerParts | undefined,
  ): Promise<Training<CaptionerParts, History>> {
    const { signal, batchSize, validationSplit = defaultSplit } = settings
    const { seed } = this.settings
    checkLarge(where, settings)
    let expected: Pick<CaptionerParts, 'kind' | 'shape'> | undefined = known
    let like: Writing | undefined
    const read = (place: string, rows: readonly CaptionRow[]) => readCaptionRows(place, rows, expected)
    const surveyed = await survey(all, {
      check: (rows) => {
        const { kind, seen, captions } = runSync(read(where, rows))
        expected ??= { kind, shape: seen.shape }
        like ??= captions[0]
        checkAlike(`${where}: the caption of row`, captions, known?.target ?? like)
      },
      keyOf: (row) => runSync(read(where, [row])).seen.keys[0] as string,
      ...{ given, share: validationSplit, seed, signal },
    })
    const everyOf = ({ captions }: ReadRows) => captions.map((_, row) => row)
    const sample = await runSliced(read(where, surveyed.sample), signal)
    const parts = known ?? (await this.#create(sample, everyOf(sample), signal))
    const made = async (place: string, rows: readonly CaptionRow[]) => {
      const some = await runSliced(read(place, rows), signal)
      return await examples(`${place}: the caption of row`, parts, some, everyOf(some), signal)
    }
    const learned = await made(where, surveyed.sample)
    checkUnknownWritten(where, learned, { ...settings, parts, further: known !== undefined, of: 'the captions' })
    const validation = surveyed.held
    const held = validation.length > 0 ? await made(`${where}: validationData`, validation) : undefined
    const batches = batchesOf(
      surveyed,
      { batchSize, seed, lengthOf: ({ caption }: CaptionRow) => caption.length },
      async (rows) => asBatch(await made(where, rows)),
    )
    return { parts, run: () => trainDecoder(parts, { batches, rows: surveyed.rows }, held, settings, seed) }
  }

  async #create(
    { kind, seen, captions }: ReadRows,
    training: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<CaptionerParts> {
    const settings = this.settings
    const { lowercase, maxVocabulary, minFrequency, maxLength, patchSize, patchStride } = settings
    const limits = { lowercase, maxVocabulary, minFrequency, maxLength }
    const written = await targetUnits(
      'Captioner.train: the caption of row',
      training.map((row) => captions[row] as Writing),
      { ...limits, level: settings.tokenizer },
      signal,
    )
    const { shape } = seen
    const grid = kind === 'image' ? patchGrid(shape, patchSize, patchStride) : undefined
    const model = captionerModel(settings, shape, grid, written.target)
    return { model, kind, shape, grid, maxLength, ...written }
  }
}

const splitRows = ({ seen }: ReadRows): SplitRow[] => seen.keys.map((key) => ({ key, classes: [] }))

async function captionsOf(
  parts: CaptionerParts,
  seen: Seen,
  rows: readonly number[],
  settings: ReturnType<typeof writeSettings>,
): Promise<Caption[]> {
  const captions: Caption[] = []
  for (let from = 0; from < rows.length; from += together) {
    const some = rows.slice(from, from + together)
    const inputs = await runSliced(inputOf(parts, seen, some), settings.signal)
    const found = await write(parts, inputs, settings, (_, tokens, { data, shape }) => {
      const places = shape[1] as number
      const maps = tokens.map((token, step) =>
        attentionMap(token, data.subarray(step * places, (step + 1) * places), parts.grid),
      )
      return { attention: maps }
    })
    captions.push(...found)
  }
  return captions
}

/** Some rows as the model learns from them. */
async function examples(
  where: string,
  parts: CaptionerParts,
  { seen, captions }: ReadRows,
  rows: readonly number[],
  signal: AbortSignal | undefined,
): Promise<DecoderData> {
  const texts = rows.map((row) => captions[row] as Writing)
  const inputs = await runSliced(inputOf(parts, seen, rows), signal)
  return { inputs, ...(await framed(where, parts, texts, signal)) }
}

/** Some of what was seen, as the model's input. */
function* inputOf(
  { kind, shape, grid }: CaptionerParts,
  { raws }: Seen,
  rows: readonly number[],
): Sliced<Record<string, TensorLike>> {
  const [places, size] = grid ? tiledShape(grid, shape[2] as number) : (shape as [number, number])
  const where = `Captioner: the ${kind === 'image' ? 'images' : 'annotations'}`
  const data = allocated(where, Float32Array, rows.length * places * size)
  const values = allocated(where, Float32Array, sizeOf(shape))
  for (const [at, row] of rows.entries()) {
    const into = data.subarray(at * places * size, (at + 1) * places * size)
    transfer(raws[row] as Raw, grid ? values : into)
    if (grid) tile(values, shape, grid, into)
    yield
  }
  return { [kind]: { data, shape: [rows.length, places, size] } }
}
