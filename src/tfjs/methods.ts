/** The functions of tensors that are their methods, too. */
export type TensorMethods = Record<never, never>
