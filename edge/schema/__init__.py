"""What machines read: JSON Schemas, the AsyncAPI document and the reference, out of the types."""
