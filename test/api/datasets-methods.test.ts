import { data } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const numbers = (count: number) => data.from(Array.from({ length: count }, (_, i) => i))

async function collected<T>(elements: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const element of elements) all.push(element)
  return all
}

interface Openable {
  open(start: { pass: number; skip: number }): AsyncIterable<readonly unknown[]>
}

/** All elements of a pass but the first ones, as a resumed training asks for them. */
async function opened(set: unknown, pass: number, skip: number): Promise<unknown[]> {
  return (await collected((set as Openable).open({ pass, skip }))).flat()
}

describe('methods of data sets', () => {
  it('map gives what a function makes of elements and their numbers, at once or later', async () => {
    expect(await collected(numbers(3).map((n, i) => [n * 2, i]))).toEqual([
      [0, 0],
      [2, 1],
      [4, 2],
    ])
    expect(await collected(numbers(3).map(async (n) => n + 1))).toEqual([1, 2, 3])
  })

  it('filter keeps some', async () => {
    expect(await collected(numbers(6).filter((n) => n % 2 === 1))).toEqual([1, 3, 5])
    expect(await collected(numbers(6).filter(async (n) => n > 3))).toEqual([4, 5])
  })

  it('window gives consecutive elements', async () => {
    expect(await collected(numbers(5).window(3))).toEqual([
      [0, 1, 2],
      [1, 2, 3],
      [2, 3, 4],
    ])
    expect(await collected(numbers(8).window(2, { stride: 3 }))).toEqual([
      [0, 1],
      [3, 4],
      [6, 7],
    ])
    const slow = data.from(async function* () {
      yield* [0, 1, 2, 3, 4, 5, 6, 7]
    })
    expect(await collected(slow.window(2, { stride: 3 }))).toEqual([
      [0, 1],
      [3, 4],
      [6, 7],
    ])
    expect(await collected(numbers(2).window(3))).toEqual([])
    expect(await collected(numbers(1000).window(4))).toHaveLength(997)
  })

  it('batch puts elements and parts of rows together', async () => {
    expect(await collected(numbers(5).batch(2))).toEqual([[0, 1], [2, 3], [4]])
    expect(await collected(numbers(5).batch(2, { dropRemainder: true }))).toEqual([
      [0, 1],
      [2, 3],
    ])
    const rows = data.from([
      { x: [1, 2], y: 0 },
      { x: [3, 4], y: 1 },
    ])
    expect(await collected(rows.batch(2))).toEqual([
      {
        x: [
          [1, 2],
          [3, 4],
        ],
        y: [0, 1],
      },
    ])
    const several = data.from([
      { x: { a: 1, b: 2 }, y: 0 },
      { x: { a: 3, b: 4 }, y: 1 },
    ])
    expect(await collected(several.batch(2))).toEqual([{ x: { a: [1, 3], b: [2, 4] }, y: [0, 1] }])
    const uneven = data.from<unknown>([{ x: 1, y: 1 }, { x: 1 }])
    await expect(collected(uneven.batch(2))).rejects.toEqual(coded('ERR_DATA', /row 1 does not have the parts/))
  })

  it('batch by length has little padding, keeps every row, and has another order in each pass', async () => {
    const rows = data.from(
      Array.from({ length: 100 }, (_, i) => ({ x: Array.from({ length: 1 + ((i * 37) % 50) }, () => i), y: i })),
    )
    const batched = rows.batch(5, { bucketByLength: true, seed: 3 })
    const batches = (await collected(batched)) as { x: number[][]; y: number[] }[]
    const padding = batches.reduce(
      (sum, { x }) => sum + x.reduce((own, row) => own + Math.max(...x.map(({ length }) => length)) - row.length, 0),
      0,
    )
    expect(padding).toBeLessThan(200)
    expect(batches.flatMap(({ y }) => y).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(await collected(batched)).toEqual(batches)
    expect(await opened(batched, 1, 0)).not.toEqual(batches)
    const lengths = rows.batch(5, { bucketByLength: ({ x }: { x: number[] }) => -x.length, buffer: 2 })
    expect(((await collected(lengths)) as { y: number[] }[]).flatMap(({ y }) => y)).toHaveLength(100)
  })

  it('shuffle has an order that the seed and the pass determine', async () => {
    const shuffled = numbers(1000).shuffle(100, { seed: 1 })
    const first = await collected(shuffled)
    expect(first).not.toEqual(await collected(numbers(1000)))
    expect([...first].sort((a, b) => a - b)).toEqual(await collected(numbers(1000)))
    expect(await collected(shuffled)).toEqual(first)
    expect(await opened(shuffled, 1, 0)).not.toEqual(first)
    expect(await collected(numbers(1000).shuffle(100, { seed: 2 }))).not.toEqual(first)
    expect(first[0]).toBeLessThan(101)
    const slow = data.from(async function* () {
      for (let i = 0; i < 1000; i++) yield i
    })
    expect(await collected(slow.shuffle(100, { seed: 1 }))).toEqual(first)
  })

  it('shuffles all orders about as often as each other', async () => {
    const counts = new Map<string, number>()
    const set = numbers(3).shuffle(3, { seed: 5 })
    for (let pass = 0; pass < 1200; pass++) {
      const order = (await opened(set, pass, 0)).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(70)
  })

  it('take, skip, concat and repeat choose elements', async () => {
    expect(await collected(numbers(1000).take(300))).toHaveLength(300)
    expect(await collected(numbers(5).skip(3))).toEqual([3, 4])
    expect(await collected(numbers(5).skip(3).take(1))).toEqual([3])
    expect(await collected(numbers(2).concat(numbers(1), numbers(2)))).toEqual([0, 1, 0, 0, 1])
    expect(await collected(numbers(2).repeat(2))).toEqual([0, 1, 0, 1])
    expect(await collected(numbers(2).repeat().take(5))).toEqual([0, 1, 0, 1, 0])
    expect(await collected(data.from([]).repeat())).toEqual([])
    const twice = await collected(numbers(100).shuffle(100).repeat(2))
    expect(twice.slice(0, 100)).not.toEqual(twice.slice(100))
  })

  it('leave out as many elements as a resumed training has seen, whatever they are made of', async () => {
    const sets = [
      numbers(600).map((n, i) => n + i),
      numbers(600).filter((n) => n % 3 > 0),
      numbers(600).window(3, { stride: 2 }),
      numbers(600).batch(7),
      numbers(600).batch(7, { bucketByLength: () => 1 }),
      numbers(600).shuffle(50),
      numbers(600).take(500),
      numbers(900).skip(300),
      numbers(300).concat(numbers(300)),
      numbers(300).repeat(2),
      numbers(600).cache(),
      numbers(600).prefetch(),
      data.from(() => Array.from({ length: 600 }, (_, i) => i)),
      data.from(({ skip }) => Array.from({ length: 600 - skip }, (_, i) => i + skip), { seeks: true }),
    ]
    for (const set of sets) {
      const all = await opened(set, 2, 0)
      for (const skip of [1, 13, 40]) expect(await opened(set, 2, skip)).toEqual(all.slice(skip))
    }
  })

  it('cache goes through a stream once, prefetch reads ahead and no further', async () => {
    let asked = 0
    const source = async function* () {
      for (; asked < 100; asked++) yield asked
    }
    const cached = data.from<number>(source()).cache()
    expect(await collected(cached)).toHaveLength(100)
    expect(await collected(cached)).toHaveLength(100)
    asked = 0
    const iterator = data.from(source).prefetch(3)[Symbol.asyncIterator]()
    await iterator.next()
    await new Promise(setImmediate)
    expect(asked).toBeGreaterThan(1)
    expect(asked).toBeLessThan(6)
    await iterator.return()
  })

  it('tell the source that no more is needed', async () => {
    let closed = 0
    const source = data.from(async function* () {
      try {
        for (let i = 0; ; i++) yield i
      } finally {
        closed++
      }
    })
    await collected(
      source
        .map((n) => n)
        .filter(() => true)
        .shuffle(3)
        .prefetch()
        .take(4),
    )
    await collected(source.window(2).take(4))
    for await (const _ of source) break
    expect(closed).toBe(3)
  })

  it('unique gives the different values, sorted', async () => {
    expect(await numbers(10).unique((n) => n % 3)).toEqual([0, 1, 2])
    await expect(numbers(10).unique((n) => n, 5)).rejects.toEqual(coded('ERR_DATA', /more than 5/))
  })

  it('refuse what they cannot take', () => {
    const set = numbers(3)
    const wrong = [
      () => set.map(5 as never),
      () => set.filter(undefined as never),
      () => set.batch(0),
      () => set.batch(2, { size: 3 } as never),
      () => set.batch(2, { buffer: 0 }),
      () => set.window(1.5),
      () => set.window(2, { stride: 0 }),
      () => set.shuffle(0),
      () => set.shuffle(2, { seed: 'a' as never }),
      () => set.take(0),
      () => set.skip(-1),
      () => set.repeat(0),
      () => set.prefetch(0),
      () => set.concat([1] as never),
    ]
    for (const call of wrong) expect(call).toThrow(coded('ERR_OPTION'))
  })

  it('pass on what functions and sources throw', async () => {
    const broken = numbers(5).map((n) => {
      if (n === 3) throw new RangeError('three')
      return n
    })
    await expect(collected(broken)).rejects.toThrow(new RangeError('three'))
    await expect(collected(broken.prefetch())).rejects.toThrow('three')
  })
})
