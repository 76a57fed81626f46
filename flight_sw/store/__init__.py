"""What must outlive a crash: records in two slots, parameters, boot counter, security ceilings."""
