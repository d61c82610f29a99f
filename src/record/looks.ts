import type { DataSet, Tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import { recurrentLayers, states as statesOf } from '../inspect/states.js'
import type { Model } from '../model/model.js'
import { custom, isCallable, isRecord, type OptionRules } from '../options.js'
import type { AttentionWeights, ConfusionMatrix, HiddenStates, PictureEvent, Sample } from './event.js'

/** What is looked at after an epoch, besides weights and gradients. Each of these takes time or needs data. */
export interface LookOptions {
  /**
   * The confusion matrix: of rows with the numbers of their classes (and the classes' names), for a model that gives
   * the probabilities of classes, `[rows, classes]`, or a probability, `[rows, 1]`; or a function that counts by
   * itself.
   */
  readonly confusion?:
    | { readonly x: DataSet; readonly y: ArrayLike<number>; readonly labels?: readonly string[] }
    | ((model: Model) => ConfusionMatrix | Promise<ConfusionMatrix>)
  /** A function that gives attention maps, such as those of `translator.translate` with `alignments`. */
  readonly attention?: (model: Model) => AttentionWeights | Promise<AttentionWeights>
  /**
   * The hidden states over one row: of the recurrent layer with this name (by default the first), those of both
   * directions of a bidirectional one, as `inspect.states` gives them; or a function that gives them.
   */
  readonly states?:
    | { readonly x: ArrayLike<unknown>; readonly tokens?: readonly string[]; readonly layer?: string }
    | ((model: Model) => HiddenStates | Promise<HiddenStates>)
  /** A function that gives a text that the model writes. */
  readonly samples?: (model: Model) => string | Sample | Promise<string | Sample>
}

const aFunction = custom('a function of the model', isCallable)
const orData = (expected: string, ...names: readonly string[]) =>
  custom(`${expected} or a function of the model`, (value) => {
    return isCallable(value) || (isRecord(value) && names.every((name) => value[name] !== undefined))
  })

/** The checks of {@link LookOptions}. */
export const lookChecks: OptionRules['accepted'] = {
  confusion: orData('{ x, y }', 'x', 'y'),
  attention: aFunction,
  states: orData('{ x }', 'x'),
  samples: aFunction,
}

// What is larger is cut: nobody could read it, and the record must not grow without bounds.
const [mostClasses, mostTokens, mostUnits, mostLetters] = [100, 200, 256, 4000]

/** The pictures of a model, between two epochs, that options ask for. */
export async function look(model: Model, options: LookOptions, epoch: number): Promise<PictureEvent[]> {
  const { confusion, attention, states, samples } = options
  const found: PictureEvent[] = []
  if (confusion) found.push({ type: 'confusion', epoch, ...checkedConfusion(await confused(model, confusion)) })
  if (attention) found.push({ type: 'attention', epoch, ...checkedAttention(await attention(model)) })
  if (states) found.push({ type: 'states', epoch, ...checkedStates(await hidden(model, states)) })
  if (samples) {
    const sample = await samples(model)
    const { prompt, text } = typeof sample === 'string' ? { prompt: undefined, text: sample } : (sample ?? {})
    if (typeof text !== 'string') throw wrong('samples', 'a text, or { prompt, text }')
    const cut = text.slice(0, mostLetters)
    found.push({ type: 'sample', epoch, ...(prompt !== undefined && { prompt: String(prompt) }), text: cut })
  }
  return found
}

async function hidden(model: Model, given: NonNullable<LookOptions['states']>): Promise<HiddenStates> {
  if (typeof given === 'function') return await given(model)
  const { x, tokens, layer } = given
  const row = Array.from(x).slice(0, mostTokens)
  const wanted = layer ?? recurrentLayers(model)[0]
  if (wanted === undefined) throw wrong('states', 'the name of a layer: this model has no recurrent one')
  const found = await statesOf(model, [row] as never, { layers: [wanted] })
  // Of each direction, what the layer gives: its first state.
  const outputs = found.map(({ values }) => Object.values(values)[0] as Tensor)
  const values = row.map((_, step) =>
    outputs.flatMap(({ data, shape }) => {
      const units = data.length / (shape[1] ?? 1)
      return Array.from(data.subarray(step * units, (step + 1) * units) as Float32Array)
    }),
  )
  return { tokens: tokens?.slice(0, row.length) ?? row.map((_, step) => String(step + 1)), values }
}

async function confused(model: Model, given: NonNullable<LookOptions['confusion']>): Promise<ConfusionMatrix> {
  if (typeof given === 'function') return await given(model)
  const { x, y, labels } = given
  const found = await model.predict(x)
  const { data, shape } = (Array.isArray(found) ? found[0] : found) as Tensor
  const [rows = 0, width = 0] = shape
  if (shape.length !== 2 || rows !== y.length) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `confusion: the model gave [${shape.join(', ')}] for ${y.length} classes of rows; expected [rows, classes]`,
    )
  }
  const size = Math.max(width, 2, labels?.length ?? 0)
  const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0))
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * width, (row + 1) * width) as Float32Array
    const predicted = width === 1 ? Number((own[0] as number) >= 0.5) : own.indexOf(Math.max(...own))
    const line = counts[y[row] as number]
    if (line === undefined) throw wrong('confusion', `classes from 0 to ${size - 1} as y`)
    if (predicted >= 0) line[predicted] = (line[predicted] as number) + 1
  }
  return { labels: labels ?? counts.map((_, at) => String(at)), counts }
}

const texts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

/** Whether a value has this many rows of so many numbers. */
const isTable = (value: unknown, rows: number, columns?: number): value is number[][] =>
  Array.isArray(value) &&
  value.length === rows &&
  value.every((row) => Array.isArray(row) && row.length === (columns ?? row.length) && row.every(Number.isFinite))

const cut = (table: readonly (readonly number[])[], rows: number, columns: number, digits = 4): number[][] =>
  table.slice(0, rows).map((row) => row.slice(0, columns).map((value) => Number(value.toPrecision(digits))))

function checkedConfusion({ labels, counts }: ConfusionMatrix): ConfusionMatrix {
  if (!texts(labels) || !isTable(counts, labels.length, labels.length)) {
    throw wrong('confusion', '{ labels, counts } with a row and a column of counts for every label')
  }
  return { labels: labels.slice(0, mostClasses), counts: cut(counts, mostClasses, mostClasses, 12) }
}

function checkedAttention({ rows, columns, weights }: AttentionWeights): AttentionWeights {
  if (!texts(rows) || !texts(columns) || !isTable(weights, rows.length, columns.length)) {
    throw wrong('attention', '{ rows, columns, weights } with a weight for every row and column')
  }
  return {
    rows: rows.slice(0, mostTokens),
    columns: columns.slice(0, mostTokens),
    weights: cut(weights, mostTokens, mostTokens),
  }
}

function checkedStates({ tokens, values }: HiddenStates): HiddenStates {
  if (!texts(tokens) || !isTable(values, tokens.length)) {
    throw wrong('states', '{ tokens, values } with a row of values for every token')
  }
  return { tokens: tokens.slice(0, mostTokens), values: cut(values, mostTokens, mostUnits) }
}

const wrong = (what: string, expected: string) => new SeqloomError('ERR_DATA', `${what}: expected ${expected}`)
