import { SeqloomError } from '../../errors.js'

/** A file's bytes, read by address; whatever lies outside of them is `ERR_FORMAT`. All numbers are little-endian. */
export class Bytes {
  readonly #view: DataView
  readonly #where: string
  /** Addresses that were followed, so that no circle is. */
  readonly #followed = new Set<number>()

  constructor(
    readonly all: Uint8Array,
    where: string,
  ) {
    this.#view = new DataView(all.buffer, all.byteOffset, all.byteLength)
    this.#where = where
  }

  get length(): number {
    return this.all.length
  }

  u8(at: number): number {
    return this.#view.getUint8(this.#within(at, 1))
  }

  u16(at: number): number {
    return this.#view.getUint16(this.#within(at, 2), true)
  }

  u32(at: number): number {
    return this.#view.getUint32(this.#within(at, 4), true)
  }

  /** A number of up to eight bytes: an address, a length or a size; those past 2⁵³ lie outside of every file. */
  size(at: number, width = 8): number {
    this.#within(at, width)
    if (width === 8) return Number(this.#view.getBigUint64(at, true))
    let value = 0
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#view.getUint8(at + i)
    return value
  }

  part(at: number, length: number): Uint8Array {
    this.#within(at, length)
    return this.all.subarray(at, at + length)
  }

  text(at: number, length: number): string {
    return Buffer.from(this.part(at, length)).toString('utf8')
  }

  /** A text that ends with a zero. */
  zeroTerminated(at: number): string {
    this.#within(at, 1)
    const end = this.all.indexOf(0, at)
    return this.text(at, (end < 0 ? this.length : end) - at)
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

  #within(at: number, length: number): number {
    if (!(at >= 0 && length >= 0 && at + length <= this.length)) throw this.wrong(`it ends before byte ${at + length}`)
    return at
  }
}
