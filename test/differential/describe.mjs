// What cases are made of: layers, losses and the like as data, which each side makes for itself.

/** Something that a factory of a namespace makes from options: `made('regularizers.l2', { l2: 0.1 })`. */
export const made = (make, options = {}) => ({ make, options })

const isMade = (value) => typeof value?.make === 'string'

/** Makes what a description stands for, and what is inside of it, by a function that gets a name and options. */
export function build(description, make) {
  if (isMade(description)) {
    const options = Object.entries(description.options).map(([name, value]) => [name, build(value, make)])
    return make(description.make, Object.fromEntries(options))
  }
  return Array.isArray(description) ? description.map((each) => build(each, make)) : description
}

/** Changes names of options and names among their values: what other programs write in another way. */
export function renamed(description, name, text) {
  if (isMade(description)) {
    const options = Object.entries(description.options).map(([key, value]) => [name(key), renamed(value, name, text)])
    return { ...description, options: Object.fromEntries(options) }
  }
  if (Array.isArray(description)) return description.map((each) => renamed(each, name, text))
  return typeof description === 'string' ? text(description) : description
}
