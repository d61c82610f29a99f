/** How well a classifier does on labelled texts. */
export interface Evaluation {
  /** The share of texts whose label is predicted. */
  readonly accuracy: number
  /** The mean of −log of the true label's probability. */
  readonly loss: number
  /** The number of texts. */
  readonly count: number
  /** The classes, in the order of the table's rows and columns. */
  readonly labels: readonly string[]
  /** `confusion[i][j]`: how many texts of class i were taken for class j. */
  readonly confusion: readonly (readonly number[])[]
}

/** The index of the largest of `classes` numbers from `offset` on; the first of equals. */
export function largest(probabilities: ArrayLike<number>, offset: number, classes: number): number {
  let best = 0
  for (let index = 1; index < classes; index++) {
    if ((probabilities[offset + index] as number) > (probabilities[offset + best] as number)) best = index
  }
  return best
}

/** Compares probabilities `[texts, classes]` with the true classes. */
export function evaluation(
  labels: readonly string[],
  targets: ArrayLike<number>,
  probabilities: ArrayLike<number>,
): Evaluation {
  const classes = labels.length
  const confusion = labels.map(() => new Array<number>(classes).fill(0))
  let right = 0
  let loss = 0
  for (let row = 0; row < targets.length; row++) {
    const target = targets[row] as number
    const predicted = largest(probabilities, row * classes, classes)
    const counts = confusion[target] as number[]
    counts[predicted] = (counts[predicted] as number) + 1
    if (predicted === target) right++
    // float32 rounds small probabilities to 0; the training loss clips there too.
    loss -= Math.log(Math.max(probabilities[row * classes + target] as number, 1e-7))
  }
  return { accuracy: right / targets.length, loss: loss / targets.length, count: targets.length, labels, confusion }
}
