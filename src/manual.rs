//! Why it is built so. Nothing here is code.
