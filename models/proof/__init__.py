"""From out-of-sample predictions to what the gate is shown: the replay of them, what chance would
have done, what was tried.
"""

from models.proof.prove import Proof, ProofRequest, concluded, prove

__all__ = ["Proof", "ProofRequest", "concluded", "prove"]
