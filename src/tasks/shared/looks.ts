import type { DataSet, TensorLike } from '../../data/tensor.js'
import { isRecord } from '../../options.js'
import type { LookOptions } from '../../record/looks.js'
import type { Tokenizer } from '../../text/tokenizer.js'

/** How many rows gradients are taken on, how many a confusion matrix counts at most, and how many steps states are shown of. */
const [gradientRows, confusionRows, stateSteps] = [32, 500, 64]

/** The first rows of data; undefined where they cannot be told. */
function firstRows(data: unknown, rows: number): DataSet | undefined {
  if (Array.isArray(data) || ArrayBuffer.isView(data)) return (data as Int32Array).slice(0, rows)
  if (!isRecord(data)) return undefined
  if (Array.isArray(data.shape) && ArrayBuffer.isView(data.data)) {
    const { data: values, shape, ...rest } = data as unknown as TensorLike
    const [all = 0, ...inner] = shape
    const some = Math.min(all, rows)
    const size = inner.reduce((product, each) => product * each, 1)
    const lengths = rest.lengths && { lengths: Array.from(rest.lengths).slice(0, some) }
    return { data: (values as Float32Array).slice(0, some * size), shape: [some, ...inner], ...lengths }
  }
  const parts = Object.entries(data).map(([name, each]) => [name, firstRows(each, rows)] as const)
  return parts.every(([, each]) => each !== undefined) ? (Object.fromEntries(parts) as DataSet) : undefined
}

/** Gradients on the first rows of the training data. */
export function gradientLooks(x?: unknown, y?: unknown): LookOptions {
  const data = [firstRows(x, gradientRows), firstRows(y, gradientRows)]
  return data.every((each) => each !== undefined) ? { gradientData: data as unknown as [DataSet, DataSet] } : {}
}

/** What there is to see of a classifier of texts: what it confuses, and its states over the first text. */
export function classifierLooks(
  ids: readonly Int32Array[],
  y: Int32Array,
  labels: readonly string[],
  tokenizer: Tokenizer,
): LookOptions {
  const x = ids[0]?.slice(0, stateSteps)
  const tokens = x && Array.from(x, (id) => tokenizer.idToToken(id) ?? String(id))
  return {
    ...(ids.length > 0 && { confusion: { x: ids.slice(0, confusionRows), y: y.slice(0, confusionRows), labels } }),
    ...(x && tokens && { states: { x, tokens } }),
  }
}
