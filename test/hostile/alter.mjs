// Alterations of saved models, each decided by a seed and a number alone.
import { createHash } from 'node:crypto'

/** Random numbers from a seed (mulberry32). */
export function randomFrom(seed, index) {
  let state = createHash('sha256').update(`${seed}/${index}`).digest().readUInt32LE(0)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count) => Math.floor(next() * count)
  return { next, below, of: (list) => list[below(list.length)] }
}

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
  ])()
}

/** Arrays within each other, as text that is put in later: `JSON.stringify` recurses. */
const deep = (depth) => `@deep${depth}@`
const spelled = (text) => text.replace(/"@deep(\d+)@"/g, (_, depth) => '['.repeat(depth) + ']'.repeat(depth))

/** The places of a value within others: each with the object or array that holds it. */
function places(root) {
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
function alterData(random, root, words) {
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

/** Flips, cuts, inserts and repeats bytes. */
function alterBytes(random, bytes) {
  if (bytes.length === 0) return ['nothing', bytes]
  const at = random.below(bytes.length)
  const copy = Buffer.from(bytes)
  switch (random.below(5)) {
    case 0:
      copy[at] ^= 1 << random.below(8)
      return [`bit of ${at}`, copy]
    case 1:
      for (let count = 0; count < 20; count++) copy[random.below(copy.length)] = random.below(256)
      return ['20 bytes', copy]
    case 2:
      return [`cut at ${at}`, copy.subarray(0, at)]
    case 3:
      return [
        `insert at ${at}`,
        Buffer.concat([copy.subarray(0, at), Buffer.from([random.below(256)]), copy.subarray(at)]),
      ]
    default:
      return [`repeat to ${at}`, Buffer.concat([copy, copy.subarray(0, at)])]
  }
}

/** Alters the header of a safetensors file, or numbers in it. */
function alterTensors(random, bytes, words) {
  const length = Number(bytes.readBigUInt64LE(0))
  const body = bytes.subarray(8 + length)
  if (random.below(4) === 0) {
    const copy = Buffer.from(bytes)
    const value = random.of([Number.NaN, Number.POSITIVE_INFINITY, 1e38, -1e38, 1e-45, 0])
    const from = 8 + length
    const count = Math.floor(body.length / 4)
    for (let times = 0; times < random.of([1, 5, count]) && count > 0; times++) {
      copy.writeFloatLE(value, from + 4 * random.below(count))
    }
    return [`values ${value}`, copy]
  }
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8'))
  const what = alterData(random, header, [...words, 'F64', 'I8', 'BF16', 'BOOL', 'I32'])
  const text = Buffer.from(spelled(JSON.stringify(header)))
  const size = Buffer.alloc(8)
  const wrong = random.of([0, 1, -1, 2 ** 40, Number.MAX_SAFE_INTEGER])
  size.writeBigUInt64LE(
    random.below(8) === 0 && text.length + wrong >= 0 ? BigInt(text.length + wrong) : BigInt(text.length),
  )
  return [`header: ${what}`, Buffer.concat([size, text, body])]
}

const parsed = (bytes) => {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** One to three alterations of a saved model's files (by name), with all checksums right; `what` says which. */
export function alter(random, original) {
  const files = new Map(original)
  const description = parsed(files.get('model.json'))
  const listed = description.files
  const words = [
    ...new Set(
      places(description)
        .flatMap(([h, k]) => [String(k), h[k]])
        .filter((w) => typeof w === 'string'),
    ),
  ]
  const done = []
  let described
  for (let count = 1 + random.below(3); count > 0; count--) {
    const name = random.of(['model.json', 'model.json', ...files.keys()])
    const bytes = files.get(name)
    if (name === 'model.json') {
      // What it says of the files is put right again.
      if (random.below(12) === 0) {
        const [what, altered] = alterBytes(random, bytes)
        done.push(`${name}: ${what}`)
        described = altered
      } else done.push(`${name}: ${alterData(random, description, words)}`)
    } else if (random.below(3) === 0) {
      const [what, altered] = alterBytes(random, bytes)
      done.push(`${name}: ${what}`)
      files.set(name, altered)
    } else if (name.endsWith('.safetensors') && bytes.length > 8) {
      try {
        const [what, altered] = alterTensors(random, bytes, words)
        done.push(`${name}: ${what}`)
        files.set(name, altered)
      } catch {
        // The header was altered before.
      }
    } else {
      const json = parsed(bytes)
      if (json === undefined) continue
      done.push(`${name}: ${alterData(random, json, words)}`)
      files.set(name, Buffer.from(spelled(JSON.stringify(json) ?? 'null')))
    }
  }
  if (!described) {
    if (typeof description.files === 'object' && description.files === listed) {
      for (const [name, bytes] of files) {
        if (name === 'model.json' || typeof listed[name] !== 'object' || listed[name] === null) continue
        listed[name] = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length }
      }
    }
    described = Buffer.from(spelled(JSON.stringify(description)))
  }
  files.set('model.json', described)
  return { files, what: done.join('; ') || 'nothing' }
}
