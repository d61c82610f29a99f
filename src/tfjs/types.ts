/** The number of dimensions of a tensor, as a type: `Tensor<Rank.R2>`. */
export enum Rank {
  R0 = 'R0',
  R1 = 'R1',
  R2 = 'R2',
  R3 = 'R3',
  R4 = 'R4',
  R5 = 'R5',
  R6 = 'R6',
}

/** The shape of a tensor of each rank. */
export interface ShapeMap {
  R0: number[]
  R1: [number]
  R2: [number, number]
  R3: [number, number, number]
  R4: [number, number, number, number]
  R5: [number, number, number, number, number]
  R6: [number, number, number, number, number, number]
}

/** A tensor's values as nested arrays, by its rank. */
export interface ArrayMap {
  R0: number
  R1: number[]
  R2: number[][]
  R3: number[][][]
  R4: number[][][][]
  R5: number[][][][][]
  R6: number[][][][][][]
}

/** A tensor's values as a flat array, by its dtype. */
export interface DataTypeMap {
  float32: Float32Array
  int32: Int32Array
  bool: Uint8Array
  complex64: Float32Array
  string: string[]
}

/** One value of a tensor, by its dtype. */
export interface SingleValueMap {
  bool: boolean
  int32: number
  float32: number
  complex64: number
  string: string
}

/** The types that elements may have; `complex64` is known by name only. */
export type DataType = keyof DataTypeMap
export type NumericDataType = 'float32' | 'int32' | 'bool' | 'complex64'
export type DataTypeFor<T extends number | string | boolean> = T extends number | boolean
  ? NumericDataType
  : T extends string
    ? 'string'
    : never
export type TypedArray = Float32Array | Int32Array | Uint8Array
export type DataValues = DataTypeMap[DataType]
export type FlatVector = boolean[] | number[] | TypedArray
export interface RecursiveArray<T> {
  [index: number]: T | RecursiveArray<T>
}

/** What functions take in place of a tensor. */
export type TensorLike =
  | TypedArray
  | number
  | boolean
  | string
  | RecursiveArray<number | number[] | TypedArray>
  | RecursiveArray<boolean>
  | RecursiveArray<string>
  | Uint8Array[]
export type ScalarLike = number | boolean | string | Uint8Array
export type TensorLike1D = TypedArray | number[] | boolean[] | string[] | Uint8Array[]
export type TensorLike2D = TensorLike1D | number[][] | boolean[][] | string[][] | Uint8Array[][]
export type TensorLike3D = TensorLike1D | number[][][] | boolean[][][] | string[][][]
export type TensorLike4D = TensorLike1D | number[][][][] | boolean[][][][] | string[][][][]
export type TensorLike5D = TensorLike1D | number[][][][][] | boolean[][][][][] | string[][][][][]
export type TensorLike6D = TensorLike1D | number[][][][][][] | boolean[][][][][][] | string[][][][][][]
