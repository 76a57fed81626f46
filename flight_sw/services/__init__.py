"""The PUS services (ECSS-E-ST-70-41C), one file each."""
