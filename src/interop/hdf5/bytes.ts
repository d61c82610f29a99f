import { SeqloomError } from '../../errors.js'
import type { Source } from '../format.js'

/** How much of a file is read at once. */
const windowBytes = 1 << 16

/** A file's bytes, read by address; whatever lies outside of them is `ERR_FORMAT`. All numbers are little-endian. */
export class Bytes {
  readonly #where: string
  /** Addresses that were followed, so that no circle is. */
  readonly #followed = new Set<number>()
  /** The part of the file that was read last, and where it begins. */
  #view: DataView = new DataView(new ArrayBuffer(0))
  #start = 0

  constructor(
    readonly source: Source,
    where: string,
  ) {
    this.#where = where
  }

  get length(): number {
    return this.source.size
  }

  u8(at: number): number {
    const near = this.#near(at, 1)
    return this.#view.getUint8(near)
  }

  u16(at: number): number {
    const near = this.#near(at, 2)
    return this.#view.getUint16(near, true)
  }

  u32(at: number): number {
    const near = this.#near(at, 4)
    return this.#view.getUint32(near, true)
  }

  /** A number of up to eight bytes: an address, a length or a size; those past 2⁵³ lie outside of every file. */
  size(at: number, width = 8): number {
    const near = this.#near(at, width)
    if (width === 8) return Number(this.#view.getBigUint64(near, true))
    let value = 0
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#view.getUint8(near + i)
    return value
  }

  part(at: number, length: number): Uint8Array {
    const near = this.#near(at, length)
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + near, length)
  }

  text(at: number, length: number): string {
    return Buffer.from(this.part(at, length)).toString('utf8')
  }

  /** A text that ends with a zero. */
  zeroTerminated(at: number): string {
    const all = this.part(at, Math.min(windowBytes, this.length - at))
    const end = all.indexOf(0)
    if (end < 0) throw this.wrong(`no end of the name at byte ${at}`)
    return this.text(at, end)
  }

  requireSignature(at: number, signature: string): void {
    if (this.text(at, signature.length) !== signature) throw this.wrong(`no '${signature}' at byte ${at}`)
  }

  /** Notes that what lies at an address is read: twice is a circle. */
  follow(at: number): number {
    if (this.#followed.has(at)) throw this.wrong(`what lies at byte ${at} is listed twice`)
    this.#followed.add(at)
    return at
  }

  wrong(why: string): SeqloomError {
    return new SeqloomError('ERR_FORMAT', `${this.#where}: no HDF5 file that can be read: ${why}`)
  }

  unsupported(what: string): SeqloomError {
    return new SeqloomError('ERR_UNSUPPORTED', `${this.#where}: HDF5 ${what} is not supported`)
  }

  /** `ERR_FORMAT` unless these bytes are there. */
  within(at: number, length: number): void {
    if (!(at >= 0 && length >= 0 && at + length <= this.length)) throw this.wrong(`it ends before byte ${at + length}`)
  }

  /** Where these bytes are in the part that is at hand. */
  #near(at: number, length: number): number {
    this.within(at, length)
    if (at < this.#start || at + length > this.#start + this.#view.byteLength) {
      const { buffer, byteOffset, byteLength } = this.source.readNow(
        at,
        Math.min(Math.max(length, windowBytes), this.length - at),
      )
      this.#view = new DataView(buffer, byteOffset, byteLength)
      this.#start = at
    }
    return at - this.#start
  }
}
