const counts = new Map<string, number>()

/** A prefix with a number that was not given yet, as TensorFlow.js numbers its layers and models: `LSTM1`. */
export function numbered(prefix: string): string {
  const count = (counts.get(prefix) ?? 0) + 1
  counts.set(prefix, count)
  return `${prefix}${count}`
}
