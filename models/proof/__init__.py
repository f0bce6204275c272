"""From out-of-sample predictions to what the gate is shown: the replay of them, what chance would
have done, what was tried.
"""

from models.proof.prove import Proof, ProofRequest, prove, prove_replay

__all__ = ["Proof", "ProofRequest", "prove", "prove_replay"]
