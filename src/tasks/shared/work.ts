/**
 * The least steps of the optimizer that a training takes unless its epochs are given: few rows would else be hardly
 * seen.
 */
const leastSteps = 400

/** How many epochs a training has by default: `usual`, or as many as its least steps need. */
export function defaultEpochs(usual: number, rows: number, batchSize: number): number {
  return Math.max(usual, Math.ceil(leastSteps / Math.ceil(rows / batchSize)))
}
