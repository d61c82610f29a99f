/** The two parts of a split: indices of rows, each in the order drawn. */
export interface Split {
  readonly training: number[]
  readonly validation: number[]
}

/**
 * Draws `fraction` of `count` rows for validation, at random by `seed`; at least one row stays on each side when the
 * fraction is above 0 and there are two rows. The same count, fraction and seed always give the same split.
 */
export function randomSplit(count: number, fraction: number, seed: number): Split {
  const order = Array.from({ length: count }, (_, index) => index)
  const next = randomSource(seed)
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1))
    const held = order[last] as number
    order[last] = order[other] as number
    order[other] = held
  }
  const wanted = fraction > 0 ? Math.min(Math.max(Math.round(count * fraction), 1), count - 1) : 0
  return { training: order.slice(wanted), validation: order.slice(0, Math.max(wanted, 0)) }
}

/** How rows are split. */
export interface SplitRow {
  /** Rows with the same key stay together: a copy of a training row would reveal too much. */
  readonly key: string
  /** Its classes, if it has any. */
  readonly classes: readonly string[]
}

/**
 * Draws `fraction` of the different keys for validation, each with all its rows, at random by `seed` and from every
 * class in proportion (of a row's classes the rarest counts); every class keeps a row to train on, so that fewer may be
 * held out than wanted. Both parts are in the order drawn.
 */
export function stratifiedSplit(rows: readonly SplitRow[], fraction: number, seed: number): Split {
  const groups = rowsByKey(rows.map(({ key }) => key))
  const classesOf = groups.map((group) => [...new Set(group.flatMap((row) => rows[row]?.classes ?? []))])
  const held = heldGroups(classesOf, fraction, seed)
  const split: Split = { training: [], validation: [] }
  for (const group of randomSplit(groups.length, 0, seed).training) {
    const part = split[held.has(group) ? 'validation' : 'training']
    for (const row of groups[group] as number[]) part.push(row)
  }
  return split
}

function heldGroups(classesOf: readonly (readonly string[])[], fraction: number, seed: number): ReadonlySet<number> {
  const total = classesOf.length
  const { validation, training } = randomSplit(total, fraction, seed)
  const counts = new Map<string, number>()
  for (const name of classesOf.flat()) counts.set(name, (counts.get(name) ?? 0) + 1)
  const strata = new Map<string | undefined, number[]>()
  for (const group of [...validation, ...training]) {
    const [first, ...others] = classesOf[group] as readonly string[]
    const rarest = others.reduce((a, b) => ((counts.get(b) ?? 0) < (counts.get(a as string) ?? 0) ? b : a), first)
    const stratum = strata.get(rarest)
    if (stratum) stratum.push(group)
    else strata.set(rarest, [group])
  }
  // Largest remainders; among equals, what was drawn first.
  const shares = [...strata].map(([name, members]) => {
    const most = name === undefined ? members.length : members.length - 1
    const exact = (validation.length * members.length) / total
    return { members, most, exact, taken: Math.min(Math.floor(exact), most) }
  })
  shares.sort((a, b) => b.exact - b.taken - (a.exact - a.taken))
  let missing = shares.reduce((rest, { taken }) => rest - taken, validation.length)
  for (let before = -1; missing > 0 && missing !== before; ) {
    before = missing
    for (const share of shares) {
      if (missing === 0 || share.taken === share.most) continue
      share.taken++
      missing--
    }
  }
  const held = new Set(shares.flatMap(({ members, taken }) => members.slice(0, taken)))
  for (const group of held) for (const name of classesOf[group] ?? []) counts.set(name, (counts.get(name) ?? 0) - 1)
  // A class that is never the rarest of a row may be left without one.
  for (const group of held) {
    const names = classesOf[group] as readonly string[]
    if (names.every((name) => (counts.get(name) ?? 0) > 0)) continue
    held.delete(group)
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return held
}

/** The rows of each key, in the order of the first of each. */
export function rowsByKey(keys: readonly string[]): number[][] {
  const found = new Map<string, number[]>()
  for (const [row, key] of keys.entries()) {
    const known = found.get(key)
    if (known) known.push(row)
    else found.set(key, [row])
  }
  return [...found.values()]
}

/** Uniform numbers from 0 to 1 by the generator sfc32 (Doty-Humphrey, PractRand), keyed by the seed. */
export function randomSource(seed: number): () => number {
  let a = 0
  let b = seed | 0
  let c = Math.floor(seed / 2 ** 32) | 0
  let counter = 1
  const next = () => {
    const result = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return (result >>> 0) / 2 ** 32
  }
  // The first numbers of similar seeds are alike.
  for (let skipped = 0; skipped < 16; skipped++) next()
  return next
}
