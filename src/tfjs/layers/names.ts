const counts = new Map<string, number>()

/** A prefix with a number that was not given yet, as TensorFlow.js numbers its layers and models: `LSTM1`. */
export function numbered(prefix: string): string {
  const count = (counts.get(prefix) ?? 0) + 1
  counts.set(prefix, count)
  return `${prefix}${count}`
}

/** A class's name as TensorFlow.js begins the names of its layers: `conv_lst_m2d` for `ConvLSTM2D`. */
export const snakeCased = (name: string): string =>
  name
    .replace(/(.)([A-Z][a-z0-9]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
