import type { LookOptions } from '../../record/looks.js'
import type { Tokenizer } from '../../text/tokenizer.js'

/** How many rows a confusion matrix counts at most, and how many steps states are shown of. */
const [confusionRows, stateSteps] = [500, 64]

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
