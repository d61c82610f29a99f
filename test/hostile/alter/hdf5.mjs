// Alterations of HDF5 files by those who know where addresses, sizes and types stand.
import { alterBytes, extremes, integer } from './bytes.mjs'
import { alterJson } from './data.mjs'

const signatures = ['TREE', 'SNOD', 'HEAP', 'GCOL', 'OHDR', 'OCHK']

/** Where words of eight bytes hold an address in the file, and where the structures are. */
function layoutOf(bytes) {
  const structures = []
  for (const signature of signatures) {
    for (let at = bytes.indexOf(signature); at >= 0; at = bytes.indexOf(signature, at + 1)) structures.push(at)
  }
  const pointers = []
  const sizes = []
  for (let at = 0; at + 8 <= bytes.length; at += 4) {
    const value = bytes.readBigUInt64LE(at)
    if (value >= 48n && value < BigInt(bytes.length) && value % 4n === 0n) pointers.push(at)
    else if (value > 0n && value < 48n) sizes.push(at)
  }
  return { structures, pointers, sizes }
}

const layouts = new WeakMap()
function knownLayout(bytes) {
  if (!layouts.has(bytes)) layouts.set(bytes, layoutOf(bytes))
  return layouts.get(bytes)
}

/** Where the description of the model stands, which is JSON. */
function configOf(bytes) {
  const start = bytes.indexOf('{"class_name"')
  const from = start < 0 ? bytes.indexOf('{"module"') : start
  if (from < 0) return undefined
  const end = bytes.indexOf(0, from)
  const text = bytes.subarray(from, end < 0 ? bytes.length : end)
  try {
    JSON.parse(text.toString('utf8'))
    return { from, text }
  } catch {
    return undefined
  }
}

/** Alters an HDF5 file in one to three places. */
export function alterHdf5(random, bytes, words) {
  const { structures, pointers, sizes } = knownLayout(bytes)
  let copy = Buffer.from(bytes)
  const done = []
  const put = (at, value) => copy.set(value.subarray(0, Math.max(copy.length - at, 0)), Math.min(at, copy.length))
  for (let count = 1 + random.below(3); count > 0; count--) {
    const chosen = random.below(9)
    const pointer = random.of(pointers)
    if (chosen === 0) {
      // To a structure, which may be one that leads here.
      const target = random.of(structures)
      put(pointer, integer(target, 8))
      done.push(`pointer at ${pointer} to ${target}`)
    } else if (chosen === 1) {
      put(pointer, bytes.subarray(random.of(pointers)).subarray(0, 8))
      done.push(`pointer at ${pointer} as another`)
    } else if (chosen === 2) {
      put(pointer, integer(random.of(extremes), 8))
      done.push(`pointer at ${pointer} to nowhere`)
    } else if (chosen === 3) {
      const at = random.of(sizes)
      put(at, integer(random.of(extremes), random.of([1, 2, 4, 8])))
      done.push(`size at ${at}`)
    } else if (chosen === 4) {
      const at = random.of(structures) + random.below(24)
      put(at, integer(random.of(extremes), random.of([1, 2, 4])))
      done.push(`structure at ${at}`)
    } else if (chosen === 5) {
      // What begins with one of the headers of objects, or lies behind it.
      const at = Number(bytes.readBigUInt64LE(pointer)) + random.below(64)
      put(at, Buffer.of(random.below(32)))
      done.push(`byte at ${at}`)
    } else if (chosen < 8 && words !== undefined) {
      const found = configOf(copy)
      if (found === undefined) continue
      // Python's JSON has spaces that ours has not, so there is some room.
      const [what, altered] = alterJson(random, found.text, words)
      if (altered.length <= found.text.length) {
        copy.fill(32, found.from, found.from + found.text.length)
        put(found.from, altered)
        done.push(`config: ${what}`)
      }
    } else {
      const [what, altered] = alterBytes(random, copy)
      copy = Buffer.from(altered)
      done.push(what)
    }
  }
  return [done.join('; ') || 'nothing', copy]
}
