// Alterations of what JSON holds.
import { alterBytes } from './bytes.mjs'

const long = 'x'.repeat(100_000)

/** A value that a file of ours never has in most places. */
function odd(random) {
  return random.of([
    () => null,
    () => true,
    () => -1,
    () => 0,
    () => 1,
    () => 0.5,
    () => 7,
    () => 1000,
    () => 20_000,
    () => 2 ** 31 - 1,
    () => 2 ** 31,
    () => 2 ** 53,
    () => 1e300,
    () => -1e300,
    () => 1e-300,
    () => '',
    () => 'NaN',
    () => '1',
    () => 'a\0b',
    () => '\ud800',
    () => '../../etc/passwd',
    () => '__proto__',
    () => 'constructor',
    () => 'features',
    () => long,
    () => [],
    () => [[]],
    () => [null],
    () => Array(2000).fill(1),
    () => ({}),
    () => ({ length: 3 }),
    () => ({ constructor: { name: { toString: 1 } } }),
    () => JSON.parse('{"__proto__":{"units":3},"toString":1,"valueOf":1}'),
    () => deep(20),
    () => deep(3000),
    () => deep(100_000),
    () => 2 ** 32,
    () => 2 ** 63,
    () => -(2 ** 31),
    () => 'Infinity',
  ])()
}

/** Arrays within each other, as text that is put in later: `JSON.stringify` recurses. */
const deep = (depth) => `@deep${depth}@`
export const spelled = (text) => text.replace(/"@deep(\d+)@"/g, (_, depth) => '['.repeat(depth) + ']'.repeat(depth))

/** The places of a value within others: each with the object or array that holds it. */
export function places(root) {
  const found = []
  const visit = (holder) => {
    for (const key of Array.isArray(holder) ? holder.keys() : Object.keys(holder)) {
      found.push([holder, key])
      if (typeof holder[key] === 'object' && holder[key] !== null) visit(holder[key])
    }
  }
  if (typeof root === 'object' && root !== null) visit(root)
  return found
}

const copyOf = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)))

/** Alters one place of data that came from JSON; says what was done. */
export function alterData(random, root, words) {
  const all = places(root)
  if (all.length === 0) return 'nothing'
  const [holder, key] = random.of(all)
  const [other, otherKey] = random.of(all)
  const where = `${Array.isArray(holder) ? '[]' : ''}${String(key).slice(0, 40)}`
  const ways = {
    replace: () => {
      holder[key] = odd(random)
    },
    remove: () => {
      if (Array.isArray(holder)) holder.splice(key, 1)
      else delete holder[key]
    },
    duplicate: () => {
      if (Array.isArray(holder)) holder.splice(key, 0, copyOf(holder[key]))
      else holder[`${key}_2`] = copyOf(holder[key])
    },
    swap: () => {
      const [a, b] = [copyOf(holder[key]), copyOf(other[otherKey])]
      holder[key] = b
      other[otherKey] = a
    },
    number: () => {
      const numbers = all.filter(([h, k]) => typeof h[k] === 'number')
      const [h, k] = numbers.length > 0 ? random.of(numbers) : [holder, key]
      const change = random.of([(n) => n + 1, (n) => n - 1, (n) => n * 2, (n) => -n, (n) => n * 1000, (n) => n / 3])
      h[k] = change(Number(h[k]) || 1)
    },
    word: () => {
      const texts = all.filter(([h, k]) => typeof h[k] === 'string')
      const [h, k] = texts.length > 0 ? random.of(texts) : [holder, key]
      h[k] = random.of(words)
    },
    repeat: () => {
      if (!Array.isArray(holder)) return
      const times = random.of([2, 30, 3000])
      for (let time = 0; time < times && JSON.stringify(holder[key])?.length * time < 2 ** 20; time++) {
        holder.push(copyOf(holder[key]))
      }
    },
    reverse: () => {
      if (Array.isArray(holder)) holder.reverse()
    },
    rename: () => {
      if (Array.isArray(holder)) return
      const value = holder[key]
      delete holder[key]
      Object.defineProperty(holder, random.of(words), { value, enumerable: true, configurable: true, writable: true })
    },
  }
  const way = random.of(Object.keys(ways))
  ways[way]()
  return `${way} ${where}`
}

/** All texts and keys of some data. */
export const wordsOf = (...roots) => [
  ...new Set(
    roots.flatMap((root) =>
      places(root)
        .flatMap(([h, k]) => [String(k), h[k]])
        .filter((w) => typeof w === 'string'),
    ),
  ),
]

/** What JSON says; undefined if it is none. */
export const parsed = (bytes) => {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Alters JSON as data in one to three places, unless it was altered before so that it cannot be. */
export function alterJson(random, bytes, words) {
  const root = { all: parsed(bytes) }
  if (root.all === undefined || bytes.includes('[[[[[[[[[[[[[[[[[[[[[[[[')) return alterBytes(random, bytes)
  const done = Array.from({ length: 1 + random.below(3) }, () => alterData(random, root, words))
  return [done.join('; '), Buffer.from(spelled(JSON.stringify(root.all) ?? ''))]
}
