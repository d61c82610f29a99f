import { isBinary, isCategorical, isUnaligned } from '../losses/loss.js'
import { warn } from '../warn.js'
import type { TrainedOutput } from './compile.js'

const predictions = {
  distribution: 'probabilities that sum to 1, as softmax gives them',
  unitInterval: 'numbers from 0 to 1, as sigmoid gives them',
  nonNegative: 'numbers that are never below 0, as relu gives them',
  real: 'numbers of either sign, as a linear layer gives them',
}

/**
 * Warns of losses that read predictions as something they cannot be; `forms` says for each output what is known of its
 * values.
 */
export function warnOfForms(trained: readonly TrainedOutput[], forms: readonly string[]): void {
  for (const { index, name, shape, loss } of trained) {
    const known = forms[index] as string
    const remedy = remedyFor(loss, known, shape.at(-1) ?? 1)
    if (remedy === undefined) continue
    const what = Object.hasOwn(predictions, known) ? `gives ${predictions[known as keyof typeof predictions]}` : ''
    const size = shape.at(-1) === 1 ? 'has one value' : ''
    const facts = [size, what].filter(Boolean).join(' and ')
    warn('WARN_PREDICTIONS', `compile: output '${name}' ${facts}, but the loss is ${loss.kind}: ${remedy}`)
  }
}

/** What to do about a loss that does not fit what is known of an output's values. */
function remedyFor(loss: TrainedOutput['loss'], known: string, columns: number): string | undefined {
  const categorical = isCategorical(loss)
  if (columns === 1 && (categorical || (known === 'distribution' && loss.kind !== 'traced'))) {
    return "softmax over one value is always 1, so that nothing is learned; for yes or no, use activation 'sigmoid' with binaryCrossentropy"
  }
  if (isUnaligned(loss) && known !== 'unknown' && known !== 'real') {
    return 'it reads logits, of either sign; leave the activation out'
  }
  if (!(categorical || isBinary(loss))) return undefined
  const activation = categorical ? "activation 'softmax'" : "activation 'sigmoid'"
  const { fromLogits = false } = loss as { readonly fromLogits?: boolean }
  if (fromLogits) {
    if (known === 'nonNegative') return 'logits are of either sign; leave the activation out'
    const probabilities = known === 'distribution' || known === 'unitInterval'
    return probabilities
      ? 'fromLogits: true makes probabilities of them a second time; leave it or the activation out'
      : undefined
  }
  if (known === 'real' || known === 'nonNegative')
    return `it reads probabilities; give the output ${activation}, or the loss fromLogits: true`
  if (categorical && known === 'unitInterval')
    return `its classes exclude each other; give the output ${activation}, or take binaryCrossentropy`
  if (!categorical && known === 'distribution') {
    return `its values are independent of each other; give the output ${activation}, or take categoricalCrossentropy`
  }
  return undefined
}
