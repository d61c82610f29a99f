import type { Block } from '../data/blocks.js'
import type { Dataset } from '../data/dataset.js'
import { fingerprint } from '../data/index.js'
import { PackedRows } from '../data/packed.js'
import { shareStart } from '../data/parts.js'
import { from as datasetOf } from '../data/sources.js'
import { isNamed } from '../data/stacked.js'
import type { Ranks } from '../distributed.js'
import { callNative, reading as readable, SeqloomError } from '../errors.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { type NativeFeed, type NativeTensor, native } from '../native/index.js'
import { Elements } from './elements.js'
import { Parts, type Taken } from './parts.js'
import { type BatchParts, givesBatches, readParts, sizeOf, together } from './rowParts.js'
import type { SampleWeight } from './sampleWeight.js'

/** How batches become tensors. */
export interface Reading {
  /** Names the call in messages. */
  readonly where: string
  /** The model's inputs. */
  readonly inputs: readonly SymbolicTensor[]
  /** How many targets a row has. */
  readonly targets: number
  /** Rows of a batch, where rows come; undefined if none was given. */
  readonly batchSize: number | undefined
  readonly convert: (parts: BatchParts) => Promise<NativeTensor[]>
  /** Ends waiting for rows with an `AbortError`. */
  readonly signal?: AbortSignal | undefined
}

/** A rank's share of a pass: some of its pieces. */
export interface Share {
  readonly ranks: Ranks
  /** How many batches of the pass there are at most. */
  readonly steps?: number | undefined
}

/** How many pieces wait for the loop, besides the one that it works on. */
const waiting = 2
/** About how many numbers a piece of rows holds, and how many batches at most. */
const pieceElements = 1 << 17
const pieceBatches = 16

/** Consecutive batches of a pass. */
export interface Piece {
  /** Its number in the pass. */
  readonly at: number
  readonly tensors: NativeTensor[]
  /** The pass, and how many of its batches and rows (of batches: elements) are before it. */
  readonly place: readonly [pass: number, batches: number, rows: number]
}

/** Reads rows or batches of a data set and hands them to a loop that works on earlier ones meanwhile. */
export class Feeder {
  readonly feed: NativeFeed = callNative(() => new native.NativeFeed(waiting))
  /** The parts of the first element. */
  readonly first: BatchParts
  readonly #source: Dataset<unknown>
  readonly #reading: Reading
  readonly #needsTarget: boolean
  /** Rows of a batch; none if elements are batches. */
  readonly #rows: number | undefined
  /** Batches of a piece. */
  readonly #batches: number
  #peeked: Elements | undefined
  /** How many elements a pass has had that was gone through whole. */
  #passed: number | undefined
  #closed = false
  #running: Promise<void> = Promise.resolve()

  private constructor(
    source: Dataset<unknown>,
    reading: Reading,
    peeked: Elements,
    first: unknown,
    needsTarget: boolean,
    defaultRows: number,
  ) {
    const { where, inputs, batchSize } = reading
    this.#source = source
    this.#reading = reading
    this.#peeked = peeked
    this.#needsTarget = needsTarget
    this.first = readParts(where, first, needsTarget)
    const isBatch = source.batched || readable('ERR_DATA', where, () => givesBatches(this.first.x, inputs))
    if (isBatch && batchSize !== undefined) {
      throw new SeqloomError('ERR_OPTION', `${where}: the data come in batches, so batchSize must be left out`)
    }
    this.#rows = isBatch ? undefined : (batchSize ?? defaultRows)
    const size = isBatch ? 0 : readable('ERR_DATA', where, () => sizeOf(this.first)) * (batchSize ?? defaultRows)
    this.#batches = isBatch ? 1 : Math.max(1, Math.min(pieceBatches, Math.floor(pieceElements / size)))
  }

  /** Begins to read: sees whether rows or batches come. `ERR_DATA` if nothing does. */
  static async of(given: unknown, reading: Reading, needsTarget: boolean, defaultRows: number): Promise<Feeder> {
    const source = datasetOf(given as never) as Dataset<unknown>
    const peeked = new Elements(source, 0, 0, reading.signal)
    try {
      const taken = await peeked.take(1)
      if (taken.length === 0) {
        throw new SeqloomError('ERR_DATA', `${reading.where}: there are no rows in ${source.name}`)
      }
      peeked.back(taken)
      return new Feeder(source, reading, peeked, taken.at(0), needsTarget, defaultRows)
    } catch (error) {
      await peeked.close()
      throw error
    }
  }

  /** The weights of the first row, as those of a batch. */
  get firstWeight(): SampleWeight | undefined {
    const { sampleWeight } = this.first
    if (sampleWeight === undefined) return undefined
    return (this.#rows === undefined ? sampleWeight : together(this.#reading.where, [sampleWeight], 1)) as SampleWeight
  }

  /** Whether the data never end. */
  get endless(): boolean {
    return this.#source.endless
  }

  /** Whether the data can be gone through only once. */
  get once(): boolean {
    return this.#source.once
  }

  /**
   * How many rows or batches there are, as far as that is known: beforehand, or once all have been gone through by
   * {@link pieces}.
   */
  async size(): Promise<number | undefined> {
    return this.#passed ?? (await this.#source.size())
  }

  /** What tells these data from others: a hash of the first batch. */
  async identity(): Promise<string> {
    const elements = this.#peeked as Elements
    const taken = await elements.take(this.#rows ?? 1)
    elements.back(taken)
    return fingerprint(await this.#convert(taken, (row) => row))
  }

  /**
   * Hands over one pass from a batch on, or as many passes as it takes to make `most` batches, of which the ranks that
   * `train` together each take their rows; errors reach `fail`. Nothing else may be running.
   */
  start(pass: number, skip: number, most: number | undefined, train: Ranks, fail: (error: unknown) => void): void {
    this.#begin(this.#run(pass, skip, most, train), fail)
  }

  /** Hands over this rank's batches of a pass. */
  startShare(share: Share, fail: (error: unknown) => void): void {
    this.#begin(this.#runShare(share), fail)
  }

  #begin(running: Promise<void>, fail: (error: unknown) => void): void {
    this.#running = running.catch((error: unknown) => {
      if (!this.#closed) fail(error)
    })
  }

  /** Drops what was read ahead and ends reading; another pass may begin afterwards. */
  async stop(): Promise<void> {
    this.#closed = true
    callNative(() => this.feed.clear(false))
    await this.#running
    callNative(() => this.feed.clear(false))
    this.#closed = false
  }

  /** Ends reading for good, without waiting for what is being read. */
  close(): void {
    this.#closed = true
    callNative(() => this.feed.clear(true))
    void this.#peeked?.close().catch(() => undefined)
  }

  /**
   * The pieces of one pass, as tensors, that are a rank's: consecutive ones where it can begin to read there, else
   * dealt out in turn.
   */
  async *pieces({ ranks, steps = Number.POSITIVE_INFINITY }: Share): AsyncGenerator<Piece> {
    const each = this.#rows ?? 1
    const piece = each * this.#batches
    const size = ranks.size > 1 ? await this.#source.size() : undefined
    const all = size === undefined ? undefined : Math.ceil(Math.min(size, steps * each) / piece)
    const start = (rank: number) => shareStart(all ?? 0, rank, ranks.size)
    const [first, end] = all === undefined ? [0, Number.POSITIVE_INFINITY] : [start(ranks.rank), start(ranks.rank + 1)]
    const elements = await this.#open(0, first * piece)
    let passed = 0
    try {
      for (let [at, rows] = [first, first * piece]; at < end && at * this.#batches < steps; at++) {
        const taken = await elements.take(each * Math.min(this.#batches, steps - at * this.#batches))
        if (taken.length === 0) break
        let count = taken.length
        passed += count
        if (all !== undefined || at % ranks.size === ranks.rank) {
          const before = rows
          const tensors = await this.#convert(taken, (row) => before + row)
          count = tensors[0]?.shape[0] ?? 0
          yield { at, tensors, place: [0, at * this.#batches, rows] }
        }
        rows += count
      }
      if (all === undefined) this.#passed = passed
    } finally {
      await elements.close()
    }
  }

  async #runShare(share: Share): Promise<void> {
    for await (const { tensors, place } of this.pieces(share)) {
      if (this.#closed) return
      await callNative(() => this.feed.push(tensors, this.#rows ?? tensors[0]?.shape[0] ?? 0, [...place], 0))
    }
    if (!this.#closed) await callNative(() => this.feed.end())
  }

  async #open(pass: number, skip: number): Promise<Elements> {
    const peeked = this.#peeked
    this.#peeked = undefined
    if (peeked && (this.once || (pass === 0 && skip === 0))) {
      // A stream that was restarted is gone through up to where the training was.
      for (let left = skip; left > 0; ) {
        const { length } = await peeked.take(Math.min(left, 1024))
        if (length === 0) break
        left -= length
      }
      return peeked
    }
    await peeked?.close()
    return new Elements(this.#source, pass, skip, this.#reading.signal)
  }

  /** What gives the rows of a pass from one on, some batches at a time: all, or those of one of several ranks. */
  async #opened(
    pass: number,
    skip: number,
    { rank, size: ranks }: Ranks,
  ): Promise<{ take(batches: number): Promise<Taken>; close(): Promise<void> }> {
    const [each, { signal }] = [this.#rows, this.#reading]
    if (ranks === 1 || each === undefined) {
      const elements = await this.#open(pass, skip)
      const take = async (batches: number) => {
        const rows = await elements.take((each ?? 1) * batches)
        return { rows, of: rows.length }
      }
      return { take, close: () => elements.close() }
    }
    const wanted = { size: each, rank, ranks }
    if (this.once) return Parts.from(await this.#open(pass, skip), wanted, skip, signal)
    await this.#peeked?.close()
    this.#peeked = undefined
    return Parts.of(this.#source, { pass, skip }, wanted, signal)
  }

  async #run(from: number, done: number, most: number | undefined, train: Ranks): Promise<void> {
    const own = (of: number) =>
      train.size > 1 && this.#rows !== undefined ? ([of, train.rank, train.size] as const) : undefined
    let skip = done
    let given = 0
    for (let pass = from; !this.#closed; pass++) {
      // Pieces begin at the same rows as if nothing had been left out: what is computed of them then has the same bits.
      const aligned = skip - (skip % this.#batches)
      const each = this.#rows ?? 1
      const elements = await this.#opened(pass, aligned * each, train)
      try {
        let [batches, rows, some] = [aligned, aligned * each, aligned > 0]
        while (!this.#closed) {
          const taken = await elements.take(this.#batches)
          if (taken.of === 0) break
          some = true
          const before = rows
          const tensors = await this.#convert(taken.rows, taken.numberOf ?? ((row) => before + row))
          const count = this.#rows === undefined ? (tensors[0]?.shape[0] ?? 0) : taken.of
          const made = this.#rows === undefined ? 1 : Math.ceil(count / this.#rows)
          const place = [pass, batches, rows] as const
          if (this.#closed) return
          // The last piece may have been done up to its end.
          const left = Math.max(0, skip - batches)
          if (left < made) {
            await callNative(() => this.feed.push(tensors, this.#rows ?? count, place, left, own(count)))
          }
          batches += made
          given += Math.max(0, made - left)
          if (most !== undefined && given >= most) return
          rows += count
        }
        if (!some) {
          throw new SeqloomError('ERR_DATA', `${this.#reading.where}: there are no rows in ${this.#source.name}`)
        }
      } finally {
        await elements.close()
      }
      if (this.#closed) return
      if (most === undefined) {
        await callNative(() => this.feed.end())
        return
      }
      if (this.once) {
        throw new SeqloomError(
          'ERR_DATA',
          `${this.#reading.where}: ${this.#source.name} ended before all of stepsPerEpoch times epochs; give fewer of them, or data that can be gone through again`,
        )
      }
      skip = 0
    }
  }

  /** The tensors of some elements; `numberOf` tells the number of one of them in the pass. */
  async #convert(taken: Block<unknown>, numberOf: (row: number) => number): Promise<NativeTensor[]> {
    const { where, convert } = this.#reading
    const packed =
      taken instanceof PackedRows && this.#rows !== undefined ? await this.#convertPacked(taken) : undefined
    if (packed) return packed
    try {
      const each = Array.from(taken, (element, at) => {
        const isRow = isNamed(element) && 'x' in element
        const parts = readParts(where, element, this.#needsTarget && !isRow)
        if (!this.#needsTarget || (parts.y !== undefined && parts.y !== null)) return parts
        const cure = 'rows without one are left out by .filter(({ y }) => y != null)'
        throw new SeqloomError('ERR_DATA', `row ${at} has no y; ${cure}`)
      })
      for (const [at, parts] of each.entries()) {
        if ((parts.sampleWeight === undefined) === (this.first.sampleWeight === undefined)) continue
        throw new SeqloomError(
          'ERR_DATA',
          `row ${at} ${parts.sampleWeight === undefined ? 'has no' : 'has a'} sampleWeight, unlike the first row`,
        )
      }
      if (this.#rows === undefined) return await convert(each[0] as BatchParts)
      const inputs = each.map((parts) => parts.x)
      const x = together(where, inputs, this.#reading.inputs.length)
      const y = each.map((parts) => parts.y)
      const weights = each.map((parts) => parts.sampleWeight)
      return await convert({
        x,
        ...(this.first.y !== undefined && { y: together(where, y, this.#reading.targets) }),
        ...(this.first.sampleWeight !== undefined && { sampleWeight: together(where, weights, 1) }),
      })
    } catch (error) {
      if (!(error instanceof SeqloomError)) throw error
      // Rows are counted from the beginning of the pass.
      const message = error.message.replace(/\brow (\d+)\b/g, (_, row: string) => `row ${numberOf(Number(row))}`)
      const place =
        !/\brow \d/.test(message) && !message.includes(this.#source.name)
          ? `, rows ${numberOf(0)} to ${numberOf(taken.length - 1)}`
          : ''
      throw new SeqloomError(error.code, `${this.#source.name}${place}: ${message}`, { cause: error })
    }
  }

  /** Rows of numbers, none of which becomes an object; undefined if they are refused, since only rows tell why. */
  async #convertPacked(taken: PackedRows<unknown>): Promise<NativeTensor[] | undefined> {
    const parts = taken.packing.batch(taken.values) as BatchParts
    if (this.#needsTarget && parts.y === undefined) return undefined
    if ((parts.sampleWeight === undefined) !== (this.first.sampleWeight === undefined)) return undefined
    try {
      return await this.#reading.convert(parts)
    } catch (error) {
      if (error instanceof SeqloomError) return undefined
      throw error
    }
  }
}
